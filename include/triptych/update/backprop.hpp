// triptych/update/backprop.hpp
//
// The online network's update: gradient, optional clipping of its norm, optimizer.
#pragma once

#include <triptych/update/optimizer/sgd.hpp>
#include <triptych/update/policy.hpp>

namespace triptych::update {

template <class Optimizer = optimizer::sgd>
struct backprop {
  static constexpr source from = source::gradient;
  Optimizer optimizer = {};
  /// Gradients of a larger norm are scaled to it (kernels::clip_scale); 0: never.
  double clip_norm = 0;
};

}  // namespace triptych::update
