// triptych/kernels/bias.hpp
//
// The bias of a linear layer, with an optional relu: functors over runs of rows of a matrix
// (rows, channels); run<W> as in kernels/batch_norm.hpp.
// Cost: one pass over the matrix.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>

namespace triptych::kernels {

/// y += bias, then relu if asked, in place.
template <class T>
struct add_bias {
  const T* bias;
  int channels;
  bool relu;
  T* y;

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    for (std::int64_t r = begin; r < end; ++r) {
      for (int i = 0; i < W; ++i) {
        const T v = y[r * channels + c + i] + bias[c + i];
        y[r * channels + c + i] = relu && v < T(0) ? T(0) : v;
      }
    }
  }
};

/// Sum of dy over a run of rows per channel, dy masked in place where y is given.
template <class T>
struct bias_sums {
  const T* y;  ///< forward output, or null where there was no relu
  int channels;
  T* dy;
  T* sum;

  template <int W>
  TRIPTYCH_HOST_DEVICE void run(std::int64_t begin, std::int64_t end, int c) const {
    array_of<T, W> total = {};
    for (std::int64_t r = begin; r < end; ++r) {
      for (int i = 0; i < W; ++i) {
        T& g = dy[r * channels + c + i];
        if (y != nullptr && !(y[r * channels + c + i] > T(0))) g = T(0);
        total[i] += g;
      }
    }
    for (int i = 0; i < W; ++i) sum[c + i] = total[i];
  }
};

}  // namespace triptych::kernels
