// triptych/update/optimizer/parameter_group.hpp
//
// A run of an arena that one learning rate moves. An optimiser is an aggregate with
//   template <class B> void step(B&, const nn::parameter_list&, const parameter_group&,
//                                double gradient_scale, const real* gradient, real* state,
//                                real* weights) const;
// that works on the tensors of the group and keeps one number of state per weight.
#pragma once

#include <cstddef>

namespace triptych::update::optimizer {

/// The tensors from offset `begin` to offset `end` of an arena.
struct parameter_group {
  std::size_t begin = 0, end = 0;
  double rate = 0;  ///< learning rate
};

}  // namespace triptych::update::optimizer
