// triptych/update/backprop.hpp
//
// The online network's update: gradient, optional clipping of its norm, optimiser.
#pragma once

#include <triptych/update/optimizer/sgd.hpp>
#include <triptych/update/policy.hpp>

namespace triptych::update {

template <class Optimizer = optimizer::sgd>
struct backprop {
  static constexpr source from = source::gradient;
  Optimizer rule = {};
  double clip_norm = 0;  ///< gradients of a larger norm are scaled to it; 0: never

  /// Whether the next line has anything to do with the norm.
  [[nodiscard]] bool clips() const { return clip_norm > 0; }
  /// What the gradient is multiplied by, for its norm.
  [[nodiscard]] double gradient_scale(double norm) const {
    // torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6 and never scales up.
    const double factor = clip_norm / (norm + 1e-6);
    return clips() && factor < 1 ? factor : 1;
  }
};

}  // namespace triptych::update
