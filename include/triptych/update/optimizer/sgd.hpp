// triptych/update/optimizer/sgd.hpp
//
// Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD computes it:
//   g <- g + decay * w;  b <- momentum * b + g;  w <- w - rate * b
// An optimiser works on a run of an arena's tensors and keeps one number of state per weight.
#pragma once

#include <cstddef>

#include <triptych/nn/parameters.hpp>

namespace triptych::update {

/// The tensors of an arena from offset `begin` to offset `end`, and their learning rate.
struct parameter_group {
  std::size_t begin = 0, end = 0;
  double rate = 0;
};

struct sgd {
  double momentum = 0.9;
  double weight_decay = 1e-4;

  template <class B>
  void step(B& backend, const nn::parameter_list&, const parameter_group& group,
            double gradient_scale, const typename B::real* gradient, typename B::real* state,
            typename B::real* weights) const {
    using real = typename B::real;
    backend.sgd(group.end - group.begin, gradient + group.begin, static_cast<real>(group.rate),
                static_cast<real>(momentum), static_cast<real>(weight_decay),
                static_cast<real>(gradient_scale), state + group.begin, weights + group.begin);
  }
};

}  // namespace triptych::update
