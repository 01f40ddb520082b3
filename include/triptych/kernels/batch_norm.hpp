// triptych/kernels/batch_norm.hpp
//
// Batch normalization of a matrix (rows, channels), one group: y = relu((x - mean) / deviation *
// weight + bias + residual), forward and backward, in passes over runs of rows.
//
//   functor.template run<W>(begin, end, c): rows begin ... end-1, channels c ... c+W-1
//
// W is the number of channels a thread keeps in registers: 16 or 1 on a CPU, 1 on a GPU, where
// neighboring threads take neighboring channels. T is the type of the matrix; statistics, sums
// and what is computed are of type compute_type<T> (core/bf16.hpp).
//
// Source: Ioffe, Szegedy, "Batch normalization" (2015); backward as derived there, section 3.
// Cost: forward two reads and a write, backward four reads and two writes of the activations.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/operands.hpp>

namespace triptych::kernels {

/// Mean and sum of squared deviations of a run of rows, per channel: two passes over a run that
/// stays in cache, so that a large mean costs no precision.
template <class T>
struct moments {
  using real = compute_type<T>;

  const T* x;
  int channels;
  real* mean;     ///< of this run, per channel
  real* squares;  ///< sum of squared deviations from it

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    array_of<real, W> sum = {}, square = {};
    for (std::int64_t r = begin; r < end; ++r) {
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) sum[i] += x[r * channels + c + i];
    }
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) sum[i] /= static_cast<real>(end - begin);
    for (std::int64_t r = begin; r < end; ++r) {
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) {
        const real d = x[r * channels + c + i] - sum[i];
        square[i] += d * d;
      }
    }
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      mean[c + i] = sum[i];
      squares[c + i] = square[i];
    }
  }
};

/// y = x * factor + shift (+ residual), then relu if asked; y may be x or the residual.
template <class T>
struct normalize {
  using real = compute_type<T>;

  const T* x;
  const T* residual;   ///< or null
  const real* factor;  ///< weight / deviation, per channel
  const real* shift;   ///< bias - mean * factor, per channel
  int channels;
  bool relu;
  T* y;

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    array_of<real, W> f, s;
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      f[i] = factor[c + i];
      s[i] = shift[c + i];
    }
    const real floor = relu ? real(0) : -std::numeric_limits<real>::infinity();
    for (std::int64_t r = begin; r < end; ++r) {
      array_of<real, W> v;
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) v[i] = x[r * channels + c + i] * f[i] + s[i];
      if (residual != nullptr) {
        TRIPTYCH_LANES
        for (int i = 0; i < W; ++i) v[i] += residual[r * channels + c + i];
      }
      // Written so that NaN passes through: a comparison with NaN is false.
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) y[r * channels + c + i] = v[i] < floor ? floor : v[i];
    }
  }
};

/// From the moments of a group's channel: its statistics, and the factor and shift that normalize it;
/// i counts (group, channel).
template <class T>
struct batch_factor {
  int channels;
  const moment* moments;   ///< (G, C)
  const T *weight, *bias;  ///< (C)
  T epsilon;
  T *mean, *inverse_deviation, *factor, *shift;  ///< (G, C)

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t c = i % static_cast<std::size_t>(channels);
    const moment& all = moments[i];
    mean[i] = static_cast<T>(all.mean);
    inverse_deviation[i] =
        static_cast<T>(1.0 / std::sqrt(all.squares / all.count + static_cast<double>(epsilon)));
    factor[i] = weight[c] * inverse_deviation[i];
    shift[i] = bias[c] - mean[i] * factor[i];
  }
};

/// Running statistics of a channel, moved by its groups in their order.
template <class T>
struct running_channel {
  int groups, channels;
  const moment* moments;  ///< (G, C)
  running_statistics<T> running;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t c) const {
    const double m = static_cast<double>(running.momentum);
    for (int g = 0; g < groups; ++g) {
      const moment& all = moments[static_cast<std::size_t>(g * channels) + c];
      running.mean[c] =
          static_cast<T>((1 - m) * static_cast<double>(running.mean[c]) + m * all.mean);
      running.variance[c] = static_cast<T>((1 - m) * static_cast<double>(running.variance[c]) +
                                           m * all.squares / (all.count - 1));
    }
  }
};

/// Factor and shift of a channel from running statistics.
template <class T>
struct running_factor {
  const T *weight, *bias, *mean, *variance;
  T epsilon;
  T *factor, *shift;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t c) const {
    factor[c] = weight[c] / std::sqrt(variance[c] + epsilon);
    shift[c] = bias[c] - mean[c] * factor[c];
  }
};

/// Where relu(factor x + shift) is zero, so is the gradient.
template <class real, int W>
struct relu_mask {
  array_of<real, W> factor, shift;

  /// Of channels c ... c + W - 1; of none where the pointers are null.
  TRIPTYCH_HOST_DEVICE relu_mask(const real* factors, const real* shifts, int c) {
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      factor[i] = factors == nullptr ? real(0) : factors[c + i];
      shift[i] = factors == nullptr ? real(0) : shifts[c + i];
    }
  }
  template <class T>
  TRIPTYCH_HOST_DEVICE void apply(const T* x, array_of<real, W>& gradient) const {
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      gradient[i] = x[i] * factor[i] + shift[i] > real(0) ? gradient[i] : real(0);
    }
  }
};

/// First pass backward: dy is masked by relu where y is given, or taken as if it were where factor
/// and shift are, and summed over the run per channel, alone and times the normalized x.
template <class T>
struct norm_sums {
  using real = compute_type<T>;

  const T* x;
  const T* y;  ///< forward output, or null where there was no relu
  const real* mean;
  const real* inverse_deviation;
  int channels;
  T* dy;                ///< masked in place
  real* sum_dy;         ///< of this run, per channel
  real* sum_dy_normal;  ///< sum of dy * normalized x
  const real* factor = nullptr;
  const real* shift = nullptr;

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    array_of<real, W> m, s, sum = {}, dot = {};
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      m[i] = mean[c + i];
      s[i] = inverse_deviation[c + i];
    }
    const relu_mask<real, W> mask(factor, shift, c);
    for (std::int64_t r = begin; r < end; ++r) {
      array_of<real, W> g;
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) g[i] = dy[r * channels + c + i];
      if (y != nullptr) {
        TRIPTYCH_LANES
        for (int i = 0; i < W; ++i) {
          g[i] = y[r * channels + c + i] > real(0) ? g[i] : real(0);
          dy[r * channels + c + i] = g[i];
        }
      } else if (factor != nullptr) {
        mask.template apply<T>(x + r * channels + c, g);
      }
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) {
        sum[i] += g[i];
        dot[i] += g[i] * ((x[r * channels + c + i] - m[i]) * s[i]);
      }
    }
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      sum_dy[c + i] = sum[i];
      sum_dy_normal[c + i] = dot[i];
    }
  }
};

/// The means that the second pass takes off, of sums over so many rows.
template <class T>
struct norm_mean {
  std::int64_t rows;
  const double* sums;
  T* means;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    means[i] = static_cast<T>(sums[i] / static_cast<double>(rows));
  }
};

/// Second pass backward: dx = weight / deviation * (dy - mean(dy) - normal * mean(dy * normal)), dy
/// masked where factor and shift are given; dx may be dy or x.
template <class T>
struct norm_gradient {
  using real = compute_type<T>;

  const T* x;
  const T* dy;
  const real* mean;
  const real* inverse_deviation;
  const real* weight;
  const real* mean_dy;
  const real* mean_dy_normal;
  int channels;
  T* dx;
  const real* factor = nullptr;
  const real* shift = nullptr;

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    array_of<real, W> m, s, f, a, b;
    TRIPTYCH_LANES
    for (int i = 0; i < W; ++i) {
      m[i] = mean[c + i];
      s[i] = inverse_deviation[c + i];
      f[i] = weight[c + i] * s[i];
      a[i] = mean_dy[c + i];
      b[i] = mean_dy_normal[c + i];
    }
    const relu_mask<real, W> mask(factor, shift, c);
    for (std::int64_t r = begin; r < end; ++r) {
      array_of<real, W> g;
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) g[i] = dy[r * channels + c + i];
      if (factor != nullptr) mask.template apply<T>(x + r * channels + c, g);
      TRIPTYCH_LANES
      for (int i = 0; i < W; ++i) {
        const real normal = (x[r * channels + c + i] - m[i]) * s[i];
        dx[r * channels + c + i] = f[i] * (g[i] - a[i] - normal * b[i]);
      }
    }
  }
};

}  // namespace triptych::kernels
