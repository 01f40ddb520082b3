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

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include <triptych/core/error.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/parameter_group.hpp>

namespace triptych::update::optimizer {

/// Where r enters. The three agree without momentum and without the exception; public
/// implementations differ, and so do their accuracies.
enum class lars_rule {
  after_momentum,      ///< b <- mu b + g + decay w;       w <- w - lr r b   (the default here)
  scale_gradient,      ///< b <- mu b + r (g + decay w);   w <- w - lr b     (MoCo v3, MAE, LARC)
  skip_without_decay,  ///< as scale_gradient, but r = 1 where decay is 0    (lightly, Bolts)
};

/// The scalars that turn one step of gradient descent with momentum (kernels::sgd) into one of
/// LARS.
struct lars_factors {
  double rate, decay, gradient_scale;
};

struct lars {
  double momentum = 0.9;             ///< mu
  double weight_decay = 0.0;         ///< decay
  double trust_coefficient = 0.001;  ///< eta
  double epsilon = 1e-8;
  lars_rule rule = lars_rule::after_momentum;
  bool vectors = true;  ///< false: biases and BatchNorm weights get plain SGD without decay

  /// r of a tensor with these norms.
  [[nodiscard]] double ratio(double weight_norm, double gradient_norm) const {
    if (rule == lars_rule::skip_without_decay && weight_decay == 0) return 1;
    if (!(weight_norm > 0 && gradient_norm > 0)) return 1;
    return trust_coefficient * weight_norm / (gradient_norm + weight_decay * weight_norm + epsilon);
  }

  /// What a tensor with these norms passes to kernels::sgd, or to a backend's `sgd`, at learning
  /// rate `lr`.
  [[nodiscard]] lars_factors factors(double lr, double weight_norm, double gradient_norm) const {
    const double r = ratio(weight_norm, gradient_norm);
    if (rule == lars_rule::after_momentum) return {lr * r, weight_decay, 1};
    return {lr, r * weight_decay, r};
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
    const lars_factors f = factors(lr, norm(std::span<const T>(weights)), norm(gradient));
    const kernels::sgd<T> update{
        gradient.data(),         static_cast<T>(f.rate),           static_cast<T>(momentum),
        static_cast<T>(f.decay), static_cast<T>(f.gradient_scale), buffer.data(),
        weights.data()};
    for (std::size_t i = 0; i < weights.size(); ++i) update(i);
  }

  /// One step of the tensors of a group, each scaled by itself.
  template <class B>
  void step(B& backend, const nn::parameter_list& list, const parameter_group& group,
            double gradient_scale, const typename B::real* gradient, typename B::real* state,
            typename B::real* weights) const {
    using real = typename B::real;
    for (const auto& p : list) {
      if (p.offset < group.begin || p.offset >= group.end) continue;
      lars_factors f{group.rate, 0, 1};
      if (vectors || !p.is_vector()) {
        f = factors(group.rate, std::sqrt(backend.sum_of_squares(weights + p.offset, p.size())),
                    gradient_scale *
                        std::sqrt(backend.sum_of_squares(gradient + p.offset, p.size())));
      }
      backend.sgd(p.size(), gradient + p.offset, static_cast<real>(f.rate),
                  static_cast<real>(momentum), static_cast<real>(f.decay),
                  static_cast<real>(f.gradient_scale * gradient_scale), state + p.offset,
                  weights + p.offset);
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
