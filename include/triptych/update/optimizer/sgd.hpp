// triptych/update/optimizer/sgd.hpp
//
// Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD computes it:
//   g <- g + decay * w;  b <- momentum * b + g;  w <- w - lr * b
#pragma once

#include <array>
#include <string_view>

#include <triptych/core/options.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/optimizer.hpp>

namespace triptych::update::optimizer {

struct sgd {
  static constexpr traits about{.name = "sgd"};
  static constexpr std::array<std::string_view, 1> state{"momentum_buffer"};

  double momentum = 0.9;
  double weight_decay = 1e-4;

  template <class Visit>
  static void describe(Visit&& option) {
    option("momentum", &sgd::momentum, allowed::below_one, "of the gradients");
    option("weight-decay", &sgd::weight_decay, allowed::not_negative, "on all parameters");
  }

  template <class B>
  void step(B& backend, const nn::parameter_list&, const parameter_group& group,
            const typename B::real* gradient_scale, const typename B::real* gradient,
            const state_of<B>& buffers, typename B::real* weights) const {
    using real = typename B::real;
    backend.sgd(group.end - group.begin, gradient + group.begin,
                static_cast<real>(group.learning_rate), static_cast<real>(momentum),
                static_cast<real>(weight_decay), gradient_scale, buffers[0] + group.begin,
                weights + group.begin);
  }
};

}  // namespace triptych::update::optimizer
