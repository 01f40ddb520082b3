// triptych/nn/batch_norm.hpp
//
// Batch normalization with the residual sum and the relu that follow it:
//   y = relu(weight * (x - mean) / sqrt(variance + 1e-5) + bias + residual)
// The statistics are those of each group (view) by itself. Running statistics follow group after
// group with momentum 0.1 and the unbiased variance, as PyTorch's do (method.md section 1).
// A view in s parts (MoCo's split BatchNorm, or micro-batches) has statistics for each part; the
// parts together move the running statistics as far as one view does, each with momentum
// 1 - 0.9^(1/s).
// It takes features (numbers of type `real`) and maps (`activation`) alike: T is either.
// Backward takes no map: the gradient of x is written over x, which nobody but this layer reads.
// On a NormalizingBackend the convolution behind may do the last step itself (`forward_into`).
#pragma once

#include <cmath>
#include <string>
#include <type_traits>
#include <utility>

#include <triptych/concepts/normalizing_backend.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/nn/feature_map.hpp>
#include <triptych/nn/normalization.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::nn {

/// What backward leaves: the gradient of x, in x's place, and the place of y, which is free now
/// (null where there was no relu).
template <class T>
struct normed_gradient {
  tensor<T> dx, y;
};

struct batch_norm {
  int channels = 0;
  bool affine = true;  ///< has a weight and a bias; else they are 1 and 0
  initial weight_start = initial::one;
  std::size_t weight = 0, bias = 0, running_mean = 0, running_variance = 0;

  static constexpr double epsilon = 1e-5;

  void declare(declaration& d, const std::string& name) {
    if (affine) {
      weight = d.weight(name + ".weight", {channels}, weight_start);
      bias = d.weight(name + ".bias", {channels}, initial::zero);
    }
    running_mean = d.statistic(name + ".running_mean", channels, initial::zero);
    running_variance = d.statistic(name + ".running_var", channels, initial::one);
  }

  /// x -> y; y may be x when nothing is recorded. Keeps x, y if relu, and the batch statistics;
  /// backward writes over x, and y is the caller's to write over then.
  template <class B, class T = typename B::real>
  void forward(const pass<B>& p, tensor<std::type_identity_t<T>> x,
               const std::type_identity_t<T>* residual, bool relu, tensor<T> y) const {
    using real = typename B::real;
    const real eps = static_cast<real>(epsilon);
    const auto [scale, shift] = coefficients(p);
    if (p.running == mode::evaluate) {
      batch_norm_evaluate(p.backend, x.shape.rows(), channels, x.data, scale, shift, eps,
                          p.statistics + running_mean, p.statistics + running_variance, residual,
                          relu, y.data);
      return;
    }
    const norm_shape s = extents(p, x.shape);
    const auto mean = p.take(features(s.groups, channels));
    const auto inverse_deviation = p.take(features(s.groups, channels));
    batch_norm_forward(p.backend, s, x.data, scale, shift, eps, residual, relu, running(p),
                       mean.data, inverse_deviation.data, y.data, p.view_parts);
    if (p.recording()) keep(p, x, mean, inverse_deviation, relu ? y : tensor<T>{}, {}, {});
  }

  /// relu of x normalized, for a convolution `next`: written to new memory or, where nothing is
  /// recorded, over x; or x and what that convolution makes of it while it reads.
  template <class B>
  feature_map<B> forward_into(const pass<B>& p, tensor<typename B::activation> x,
                              const convolution::geometry& next) const {
    using real = typename B::real;
    if constexpr (NormalizingBackend<B>) {
      if (p.backend.reads_normalized(next)) {
        const real eps = static_cast<real>(epsilon);
        const auto [scale, offset] = coefficients(p);
        const norm_shape s = extents(p, x.shape);
        const bool evaluates = p.running == mode::evaluate;
        const auto factor = p.take(features(evaluates ? 1 : s.groups, channels));
        const auto shift = p.take(factor.shape);
        if (evaluates) {
          p.backend.batch_norm_running_factors(
              channels, scale, offset, eps, p.statistics + running_mean,
              p.statistics + running_variance, factor.data, shift.data);
          return {x, factor, shift};
        }
        const auto mean = p.take(features(s.groups, channels));
        const auto inverse_deviation = p.take(features(s.groups, channels));
        batch_norm_factors(p.backend, s, x.data, scale, offset, eps, running(p), mean.data,
                           inverse_deviation.data, factor.data, shift.data, p.view_parts);
        if (p.recording()) keep(p, x, mean, inverse_deviation, {}, factor, shift);
        return {x, factor, shift};
      }
    }
    const auto y = p.recording() ? p.take_activation(x.shape) : x;
    forward(p, x, nullptr, true, y);
    return y;
  }

  /// Masks dy by relu in place (it is then the residual's gradient), unless the convolution behind
  /// did that relu, and adds to the gradients of weight and bias.
  template <class B, class T = typename B::real>
  normed_gradient<T> backward(const pass<B>& p, tensor<T> dy) const {
    using real = typename B::real;
    const auto [scale, shift] = coefficients(p);
    real* unused = affine ? nullptr : p.take(features(1, channels)).data;
    const auto shifts = p.tape->template pop<real>();
    const auto factors = p.tape->template pop<real>();
    const auto y = p.tape->template pop<T>();
    const auto inverse_deviation = p.tape->template pop<real>();
    const auto mean = p.tape->template pop<real>();
    const auto x = p.tape->template pop<T>();
    const auto operand = [&] {
      if constexpr (std::is_same_v<T, typename B::activation>) {
        return feature_map<B>(x, factors, shifts).operand();
      } else {
        return x.data;
      }
    }();
    batch_norm_backward(p.backend, extents(p, x.shape), operand, y.data, scale, mean.data,
                        inverse_deviation.data, dy.data, affine ? p.gradients + weight : unused,
                        affine ? p.gradients + bias : unused, x.data, p.view_parts);
    return {x, y};
  }

 private:
  template <class B, class T>
  static void keep(const pass<B>& p, const tensor<T>& x, const tensor<typename B::real>& mean,
                   const tensor<typename B::real>& inverse_deviation,
                   const std::type_identity_t<tensor<T>>& y, const tensor<typename B::real>& factor,
                   const tensor<typename B::real>& shift) {
    p.tape->push(x);
    p.tape->push(mean);
    p.tape->push(inverse_deviation);
    p.tape->push(y);
    p.tape->push(factor);
    p.tape->push(shift);
  }

  /// The running statistics that a pass moves, if any.
  template <class B>
  [[nodiscard]] running_statistics<typename B::real> running(const pass<B>& p) const {
    if (p.statistics == nullptr) return {};
    running_statistics<typename B::real> r{p.statistics + running_mean,
                                           p.statistics + running_variance};
    if (const int parts = p.view_parts * p.micro_batches; parts > 1) {
      r.momentum = static_cast<typename B::real>(1.0 - std::pow(0.9, 1.0 / parts));
    }
    return r;
  }

  template <class B>
  [[nodiscard]] norm_shape extents(const pass<B>& p, const shape& x) const {
    const int held = normalization_detail::parts_held(p.backend, p.view_parts);
    return {x.rows_per_group() / held, x.groups * held, channels};
  }

  /// Weight and bias, made up where there are none.
  template <class B>
  [[nodiscard]] auto coefficients(const pass<B>& p) const {
    using real = typename B::real;
    if (affine) return std::pair<const real*, const real*>(p.weights + weight, p.weights + bias);
    const auto ones = p.take(features(1, channels)), zeros = p.take(features(1, channels));
    p.backend.fill(ones.data, ones.size(), real(1));
    p.backend.fill(zeros.data, zeros.size(), real(0));
    return std::pair<const real*, const real*>(ones.data, zeros.data);
  }
};

}  // namespace triptych::nn
