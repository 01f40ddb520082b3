// triptych/nn/batch_norm.hpp
//
// Batch normalization with the residual sum and the relu that follow it:
//   y = relu(weight * (x - mean) / sqrt(variance + 1e-5) + bias + residual)
// The statistics are those of each group (view) by itself. Running statistics follow group after
// group with momentum 0.1 and the unbiased variance, as PyTorch's do (method.md section 1).
// A view in s parts (MoCo's split BatchNorm) has statistics for each part; the parts together move
// the running statistics as far as one view does, each with momentum 1 - 0.9^(1/s).
// It takes features (numbers of type `real`) and maps (`activation`) alike: T is either.
// Backward takes no map: the gradient of x is written over x, which nobody but this layer reads.
#pragma once

#include <cmath>
#include <string>
#include <type_traits>
#include <utility>

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
      p.backend.batch_norm_evaluate(x.shape.rows(), channels, x.data, scale, shift, eps,
                                    p.statistics + running_mean, p.statistics + running_variance,
                                    residual, relu, y.data);
      return;
    }
    running_statistics<real> running;
    if (p.statistics != nullptr) {
      running.mean = p.statistics + running_mean;
      running.variance = p.statistics + running_variance;
      if (p.view_parts > 1) {
        running.momentum = static_cast<real>(1.0 - std::pow(0.9, 1.0 / p.view_parts));
      }
    }
    const norm_shape s = extents(p, x.shape);
    const auto mean = p.take(features(s.groups, channels));
    const auto inverse_deviation = p.take(features(s.groups, channels));
    p.backend.batch_norm_forward(s, x.data, scale, shift, eps, residual, relu, running, mean.data,
                                 inverse_deviation.data, y.data);
    if (p.recording()) {
      p.tape->push(x);
      p.tape->push(mean);
      p.tape->push(inverse_deviation);
      p.tape->push(relu ? y : tensor<T>{});
    }
  }

  /// Masks dy by relu in place (it is then the residual's gradient) and adds to the gradients of
  /// weight and bias.
  template <class B, class T = typename B::real>
  normed_gradient<T> backward(const pass<B>& p, tensor<T> dy) const {
    using real = typename B::real;
    const auto [scale, shift] = coefficients(p);
    real* unused = affine ? nullptr : p.take(features(1, channels)).data;
    const auto y = p.tape->template pop<T>();
    const auto inverse_deviation = p.tape->template pop<real>();
    const auto mean = p.tape->template pop<real>();
    const auto x = p.tape->template pop<T>();
    p.backend.batch_norm_backward(
        extents(p, x.shape), x.data, y.data, scale, mean.data, inverse_deviation.data, dy.data,
        affine ? p.gradients + weight : unused, affine ? p.gradients + bias : unused, x.data);
    return {x, y};
  }

 private:
  template <class B>
  [[nodiscard]] norm_shape extents(const pass<B>& p, const shape& x) const {
    return {x.rows_per_group() / p.view_parts, x.groups * p.view_parts, channels};
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
