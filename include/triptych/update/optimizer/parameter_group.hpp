// triptych/update/optimizer/parameter_group.hpp
//
// A run of an arena that one learning rate moves. An optimiser is an aggregate with
//   template <class B, class Scale> void step(B&, const nn::parameter_list&, const parameter_group&,
//                                             Scale gradient_scale, const real* gradient,
//                                             real* state, real* weights) const;
// that works on the tensors of the group and keeps one number of state per weight. The gradient is to
// be multiplied by gradient_scale: a real, or, on a backend that defers, a const real*, one number in
// its memory. Either goes on to the backend's `sgd` as it is.
#pragma once

#include <cstddef>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych::update::optimizer {

/// What is known of an optimizer before it runs.
struct traits {
  std::string_view name;  ///< as options and files have it
};

/// The tensors from offset `begin` to offset `end` of an arena.
struct parameter_group {
  std::size_t begin = 0, end = 0;
  double rate = 0;  ///< learning rate
};

}  // namespace triptych::update::optimizer
