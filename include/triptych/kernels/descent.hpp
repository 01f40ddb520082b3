// triptych/kernels/descent.hpp
//
// What a step of gradient descent computes: scalars from norms, and the functors that move weights
// by them. The scalars are plain functions, for the host and for devices: a device keeps them in
// its own memory, so that nobody has to wait for a norm.
#pragma once

#include <cmath>
#include <cstddef>

#include <triptych/config.hpp>

namespace triptych::kernels {

/// A number that is read where the functor that holds it runs.
template <class T>
struct in_memory {
  const T* at;
  TRIPTYCH_HOST_DEVICE operator T() const { return *at; }  // NOLINT: it stands for the number
};

/// Stochastic gradient descent with momentum, weight decay and a factor on the gradient
/// (for clipping):
///   g = scale * gradient + decay * w;  b <- momentum * b + g;  w <- w - lr * b
/// Rate and Scale are T, or in_memory<T>.
template <class T, class Rate = T, class Scale = T>
struct sgd {
  const T* gradient;
  Rate learning_rate;
  T momentum;
  Rate decay;
  Scale gradient_scale;
  T* momentum_buffer;
  T* weight;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const T g = T(gradient_scale) * gradient[i] + T(decay) * weight[i];
    momentum_buffer[i] = momentum * momentum_buffer[i] + g;
    weight[i] -= T(learning_rate) * momentum_buffer[i];
  }
};

// -- clipping -------------------------------------------------------------------------------------

/// What a gradient of this norm is multiplied by so that its norm does not exceed `limit`; a limit
/// of 0 is none. As torch.nn.utils.clip_grad_norm_: it divides by norm + 1e-6 and never scales up.
TRIPTYCH_HOST_DEVICE inline double clip_scale(double limit, double norm) {
  const double factor = limit / (norm + 1e-6);
  return limit > 0 && factor < 1 ? factor : 1.0;
}

/// scale = clip_scale(limit, norm); for one i.
template <class T>
struct clip {
  double limit;
  const T* norm;
  T* scale;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t) const {
    *scale = static_cast<T>(clip_scale(limit, static_cast<double>(*norm)));
  }
};

// -- LARS -----------------------------------------------------------------------------------------

/// Where r enters (update/optimizer/lars.hpp). The three agree without momentum and without the
/// exception; public implementations differ, and so do their accuracies.
enum class lars_rule {
  after_momentum,      ///< b <- mu b + g + decay w;       w <- w - lr r b   (the default here)
  scale_gradient,      ///< b <- mu b + r (g + decay w);   w <- w - lr b     (MoCo v3, MAE, LARC)
  skip_without_decay,  ///< as scale_gradient, but r = 1 where decay is 0    (lightly, Bolts)
};

/// The scalars that turn one step of gradient descent with momentum (sgd) into one of LARS.
struct lars_factors {
  double learning_rate, decay, gradient_scale;
};

/// What a tensor's step is scaled by.
struct lars_trust {
  double weight_decay, trust_coefficient, epsilon;
  lars_rule rule;

  /// r of a tensor with these norms.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE double ratio(double weight_norm, double gradient_norm) const {
    if (rule == lars_rule::skip_without_decay && weight_decay == 0) return 1;
    if (!(weight_norm > 0 && gradient_norm > 0)) return 1;
    return trust_coefficient * weight_norm / (gradient_norm + weight_decay * weight_norm + epsilon);
  }

  /// What a tensor with these norms passes to sgd at learning rate `lr`, where its gradient is to
  /// be multiplied by `scale`, and its norm is that before.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE lars_factors factors(double lr, double weight_norm,
                                                          double gradient_norm,
                                                          double scale = 1) const {
    const double r = ratio(weight_norm, scale * gradient_norm);
    if (rule == lars_rule::after_momentum) return {lr * r, weight_decay, scale};
    return {lr, r * weight_decay, r * scale};
  }
};

/// factors[0..3) = those of a tensor with these sums of squares; for one i.
template <class T>
struct lars_scalars {
  lars_trust trust;
  double lr;
  const double *weight_squares, *gradient_squares;
  const T* scale;
  T* factors;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t) const {
    const lars_factors f = trust.factors(lr, std::sqrt(*weight_squares),
                                         std::sqrt(*gradient_squares), static_cast<double>(*scale));
    factors[0] = static_cast<T>(f.learning_rate);
    factors[1] = static_cast<T>(f.decay);
    factors[2] = static_cast<T>(f.gradient_scale);
  }
};

}  // namespace triptych::kernels
