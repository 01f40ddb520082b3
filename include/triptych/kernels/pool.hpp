// triptych/kernels/pool.hpp
//
// Pooling over feature maps (N, H, W, C): functors over output pixels (max) or images (average),
// functor(g, r) for a group g of lanes (kernels/group.hpp), which share out the channels. T is the
// type of maps; what is computed is of type compute_type<T> (core/bf16.hpp).
// Cost: one read of the larger map, one write of the smaller, or the reverse.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// Max pooling of one output pixel, all channels; remembers where each maximum was (index into
/// H*W; ties: the first in row-major order). Padding never wins.
template <class T>
struct max_pool_pixel {
  shape in;
  int kernel, stride, padding, out_height, out_width;
  const T* x;
  T* y;
  int* argmax;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t pixel) const {
    const std::int64_t image = pixel / (out_height * out_width);
    const int row = static_cast<int>(pixel / out_width % out_height) * stride - padding;
    const int column = static_cast<int>(pixel % out_width) * stride - padding;
    const T* map = x + image * in.height * in.width * in.channels;
    g.each(in.channels, [=, this](std::int64_t c) {
      int best = -1;
      T value{};
      for (int i = row < 0 ? 0 : row; i < row + kernel && i < in.height; ++i) {
        for (int j = column < 0 ? 0 : column; j < column + kernel && j < in.width; ++j) {
          const int at = i * in.width + j;
          const T v = map[std::int64_t{at} * in.channels + c];
          if (best < 0 || v > value || v != v) {  // NaN wins, so that it is seen
            best = at;
            value = v;
          }
        }
      }
      y[pixel * in.channels + c] = value;
      argmax[pixel * in.channels + c] = best;
    });
  }
};

/// dx of one image: every dy goes to the pixel that won. Windows overlap, so an image is one task,
/// and where several have one winner dx is rounded after each of them.
template <class T>
struct max_pool_gradient {
  shape in;
  int out_pixels;
  const T* dy;
  const int* argmax;
  T* dx;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t image) const {
    const int pixels = in.height * in.width;
    T* map = dx + image * pixels * in.channels;
    for (int p = 0; p < pixels; ++p) {
      T* at = map + std::int64_t{p} * in.channels;
      g.each(in.channels, [=](std::int64_t c) { at[c] = T(0); });
    }
    for (int p = 0; p < out_pixels; ++p) {
      const std::int64_t first = (image * out_pixels + p) * in.channels;
      g.each(in.channels, [=, this](std::int64_t c) {
        map[std::int64_t{argmax[first + c]} * in.channels + c] += dy[first + c];
      });
    }
  }
};

/// y (C) = mean over the pixels of one image.
template <class T>
struct average_pool_image {
  using real = compute_type<T>;

  shape in;
  const T* x;
  real* y;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t image) const {
    const int pixels = in.height * in.width;
    const T* map = x + image * pixels * in.channels;
    real* out = y + image * in.channels;
    g.each(in.channels, [=](std::int64_t c) { out[c] = real(0); });
    for (int p = 0; p < pixels; ++p) {
      const T* at = map + std::int64_t{p} * in.channels;
      g.each(in.channels, [=](std::int64_t c) { out[c] += at[c]; });
    }
    g.each(in.channels, [=](std::int64_t c) { out[c] /= static_cast<real>(pixels); });
  }
};

/// dx = dy / (H W) at every pixel of one image.
template <class T>
struct average_pool_gradient {
  using real = compute_type<T>;

  shape in;
  const real* dy;
  T* dx;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t image) const {
    const int pixels = in.height * in.width;
    const real* from = dy + image * in.channels;
    T* map = dx + image * pixels * in.channels;
    for (int p = 0; p < pixels; ++p) {
      T* at = map + std::int64_t{p} * in.channels;
      g.each(in.channels, [=](std::int64_t c) { at[c] = from[c] / static_cast<real>(pixels); });
    }
  }
};

}  // namespace triptych::kernels
