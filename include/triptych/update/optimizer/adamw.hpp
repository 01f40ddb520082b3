// triptych/update/optimizer/adamw.hpp
//
// AdamW (Loshchilov, Hutter, "Decoupled weight decay regularization", 2019, algorithm 2), as
// torch.optim.AdamW computes it:
//
//   w <- w - lr decay w                         decay is no part of the gradient
//   m <- beta1 m + (1 - beta1) g                mean of gradients, torch's exp_avg
//   v <- beta2 v + (1 - beta2) g^2              mean of their squares, torch's exp_avg_sq
//   w <- w - lr m' / (sqrt(v') + epsilon)       m' = m / (1 - beta1^t), v' = v / (1 - beta2^t)
//
// w weights, g gradient, t steps of the run, this one included. Its rates are some hundred times
// smaller than those of sgd. Cost: one pass over weights, gradients and both means.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/options.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/optimizer.hpp>

namespace triptych::update::optimizer {

/// The step of weight i.
template <class T>
struct adamw_step {
  const T *gradient, *gradient_scale;
  T keep;         ///< 1 - lr decay
  T beta1, new1;  ///< beta1, 1 - beta1
  T beta2, new2;
  T learning_rate, root, epsilon;  ///< lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  T *mean, *square, *weight;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const T g = *gradient_scale * gradient[i];
    mean[i] = beta1 * mean[i] + new1 * g;
    square[i] = beta2 * square[i] + new2 * g * g;
    weight[i] =
        keep * weight[i] - learning_rate * mean[i] / (root * std::sqrt(square[i]) + epsilon);
  }
};

struct adamw {
  static constexpr traits about{.name = "adamw"};
  static constexpr std::array<std::string_view, 2> state{"exp_avg", "exp_avg_sq"};
  template <class T>
  using launches = kernels::launch_list<adamw_step<T>>;

  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;

  template <class Visit>
  static void describe(Visit&& option) {
    option("beta1", &adamw::beta1, allowed::below_one, "of the mean of gradients");
    option("beta2", &adamw::beta2, allowed::below_one, "of the mean of their squares");
    option("epsilon", &adamw::epsilon, allowed::positive, "beside the root of those");
    option("weight-decay", &adamw::weight_decay, allowed::not_negative, "on all parameters");
  }

  template <class B>
  void step(B& backend, const nn::parameter_list&, const parameter_group& group,
            const typename B::real* gradient_scale, const typename B::real* gradient,
            const state_of<B>& means, typename B::real* weights) const {
    using real = typename B::real;
    const auto as_real = [](double x) { return static_cast<real>(x); };
    const auto t = static_cast<double>(group.step + 1);
    backend.commit_each(
        group.end - group.begin,
        adamw_step<real>{gradient + group.begin, gradient_scale,
                         as_real(1 - group.learning_rate * weight_decay), as_real(beta1),
                         as_real(1 - beta1), as_real(beta2), as_real(1 - beta2),
                         as_real(group.learning_rate / (1 - std::pow(beta1, t))),
                         as_real(1 / std::sqrt(1 - std::pow(beta2, t))), as_real(epsilon),
                         means[0] + group.begin, means[1] + group.begin, weights + group.begin});
  }
};

}  // namespace triptych::update::optimizer
