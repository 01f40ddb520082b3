// triptych/update/optimizer/sgd.hpp
//
// Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD computes it:
//   g <- g + decay * w;  b <- momentum * b + g;  w <- w - rate * b
#pragma once

#include <triptych/core/options.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/parameter_group.hpp>

namespace triptych::update::optimizer {

struct sgd {
  static constexpr traits about{.name = "sgd"};

  double momentum = 0.9;
  double weight_decay = 1e-4;

  template <class Visit>
  static void describe(Visit&& option) {
    option("momentum", &sgd::momentum, below_one, "of the gradients");
    option("weight-decay", &sgd::weight_decay, not_negative, "on all parameters");
  }

  template <class B, class Scale>
  void step(B& backend, const nn::parameter_list&, const parameter_group& group,
            Scale gradient_scale, const typename B::real* gradient, typename B::real* state,
            typename B::real* weights) const {
    using real = typename B::real;
    backend.sgd(group.end - group.begin, gradient + group.begin, static_cast<real>(group.rate),
                static_cast<real>(momentum), static_cast<real>(weight_decay), gradient_scale,
                state + group.begin, weights + group.begin);
  }
};

}  // namespace triptych::update::optimizer
