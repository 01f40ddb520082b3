// triptych/update/optimizer/lars.hpp
//
// LARS: gradient descent with momentum whose step is scaled, tensor by tensor, to the size of the
// weights. Every step then moves a tensor by about lr eta / (1 - mu) of its norm, whatever the
// scale of its gradient.
//
// w weights, g gradient, b momentum buffer, |.| the norm of the whole tensor.
//   r = eta |w| / (|g| + decay |w| + epsilon)   if |w| and |g| are positive, else 1
// Source: You, Gitman, Ginsburg, "Large batch training of convolutional networks" (2017), eq. 6.
// Cost: two passes over the weights; the norms are summed in double, in order.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <triptych/core/error.hpp>
#include <triptych/core/options.hpp>
#include <triptych/kernels/descent.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/optimizer.hpp>
#include <triptych/update/optimizer/sgd.hpp>

namespace triptych::update::optimizer {

using kernels::lars_factors;
using kernels::lars_rule;

struct lars {
  static constexpr traits about{.name = "lars"};
  static constexpr std::array<std::string_view, 1> state{"momentum_buffer"};

  double momentum = 0.9;             ///< mu
  double weight_decay = 1e-4;        ///< decay
  double trust_coefficient = 0.001;  ///< eta
  double epsilon = 1e-8;
  lars_rule rule = lars_rule::after_momentum;
  bool vectors = true;  ///< false: biases and BatchNorm weights get plain SGD without decay

  template <class Visit>
  static void describe(Visit&& option) {
    option("momentum", &lars::momentum, allowed::below_one, "of the gradients");
    option("weight-decay", &lars::weight_decay, allowed::not_negative, "on all parameters");
  }

  /// What a tensor's step is scaled by, from its norms.
  [[nodiscard]] kernels::lars_trust trust() const {
    return {weight_decay, trust_coefficient, epsilon, rule};
  }

  /// One step of one tensor on the host: updates `weights` and the momentum `buffer`, which starts
  /// at zero.
  template <class T>
  void step(std::span<T> weights, std::span<T> buffer, std::span<const T> gradient,
            double lr) const {
    if (weights.size() != buffer.size() || weights.size() != gradient.size()) {
      throw error::usage("lars: " + std::to_string(weights.size()) + " weights, " +
                         std::to_string(buffer.size()) + " momenta, " +
                         std::to_string(gradient.size()) +
                         " gradients: sizes must match; pass the three of one tensor");
    }
    const lars_factors f = trust().factors(lr, norm(std::span<const T>(weights)), norm(gradient));
    const kernels::sgd<T> update{
        gradient.data(),         static_cast<T>(f.learning_rate),  static_cast<T>(momentum),
        static_cast<T>(f.decay), static_cast<T>(f.gradient_scale), buffer.data(),
        weights.data()};
    for (std::size_t i = 0; i < weights.size(); ++i) update(i);
  }

  /// One step of the tensors of a group, each scaled by itself.
  template <class B>
  void step(B& backend, const nn::parameter_list& list, const parameter_group& group,
            const typename B::real* gradient_scale, const typename B::real* gradient,
            const state_of<B>& buffers, typename B::real* weights) const {
    for (const auto& p : list) {
      if (p.offset < group.begin || p.offset >= group.end) continue;
      const auto* const g = gradient + p.offset;
      auto *const b = buffers[0] + p.offset, *const w = weights + p.offset;
      if (!vectors && p.is_vector()) {
        sgd{momentum, 0}.step(backend, list, {0, p.size(), group.learning_rate}, gradient_scale, g,
                              state_of<B>(&b, 1), w);
      } else {
        backend.lars(p.size(), trust(), g, group.learning_rate,
                     static_cast<typename B::real>(momentum), gradient_scale, b, w);
      }
    }
  }

 private:
  template <class T>
  static double norm(std::span<const T> values) {
    double sum = 0;
    for (const T v : values) sum += static_cast<double>(v) * static_cast<double>(v);
    return std::sqrt(sum);
  }
};

}  // namespace triptych::update::optimizer
