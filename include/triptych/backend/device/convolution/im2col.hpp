// triptych/backend/device/convolution/im2col.hpp
//
// The patch matrix of a convolution and its adjoint: row functors, functor(g, r) for a group g of
// lanes (kernels/group.hpp).
//
//   im2col  x (N, H, W, in)  ->  columns (N H' W', kernel kernel in), the order of the weights' rows
//   col2im  dcolumns         ->  dx: what every input number was read as, added up; no two rows write
//                                the same number, so the order of additions is fixed; of bf16
//                                numbers the sum is a float and rounded once
// Cost: kernel^2 / stride^2 times the map in memory, each way.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::conv_engine {

/// Where pixel r of maps of height x width lies. In 32 bits, which a device divides in a few
/// instructions: patch matrices are made of few images.
struct pixel_position {
  std::int64_t image;
  int row, column;

  TRIPTYCH_HOST_DEVICE pixel_position(std::int64_t r, int height, int width) {
    const auto pixel = static_cast<std::uint32_t>(r), w = static_cast<std::uint32_t>(width);
    const auto line = pixel / w, h = static_cast<std::uint32_t>(height);
    image = line / h;
    row = static_cast<int>(line % h);
    column = static_cast<int>(pixel % w);
  }
};

/// Row r: output pixel r. A row of the kernel is one run of numbers in memory.
template <class T>
struct im2col_row {
  convolution::geometry geometry;
  const T* x;
  T* columns;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const auto& c = geometry;
    const pixel_position at(r, c.out_height(), c.out_width());
    const std::int64_t image = at.image;
    const int top = at.row * c.stride - c.padding, left = at.column * c.stride - c.padding;
    const std::int64_t run = std::int64_t{c.kernel} * c.in;
    const std::int64_t row = std::int64_t{c.width} * c.in, start = std::int64_t{left} * c.in;
    T* out = columns + r * c.kernel * run;
    for (int k = 0; k < c.kernel; ++k, out += run) {
      const int y = top + k;
      const bool inside = y >= 0 && y < c.height;
      const T* const in = x + (image * c.height + (inside ? y : 0)) * row + start;
      g.each(run, [=](std::int64_t i) {
        out[i] = inside && start + i >= 0 && start + i < row ? in[i] : T(0);
      });
    }
  }
};

/// Row r: input pixel r.
template <class T>
struct col2im_row {
  convolution::geometry geometry;
  const T* columns;
  T* dx;
  bool accumulate;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const auto& c = geometry;
    const pixel_position at(r, c.height, c.width);
    const std::int64_t image = at.image;
    const int y = at.row + c.padding, x = at.column + c.padding;
    const int out_height = c.out_height(), out_width = c.out_width();
    const T* const map = columns + image * out_height * out_width * c.kernel * c.kernel * c.in;
    T* const to = dx + r * c.in;
    const bool add = accumulate;
    g.each(c.in, [=](std::int64_t channel) {
      compute_type<T> sum = add ? compute_type<T>(to[channel]) : compute_type<T>(0);
      for (int i = 0; i < c.kernel; ++i) {
        const int row = (y - i) / c.stride;
        if (y < i || row * c.stride != y - i || row >= out_height) continue;
        for (int j = 0; j < c.kernel; ++j) {
          const int column = (x - j) / c.stride;
          if (x < j || column * c.stride != x - j || column >= out_width) continue;
          const std::int64_t pixel = std::int64_t{row} * out_width + column;
          sum += map[((pixel * c.kernel + i) * c.kernel + j) * c.in + channel];
        }
      }
      to[channel] = sum;
    });
  }
};

}  // namespace triptych::conv_engine
