// triptych/core/convolution_geometry.hpp
//
// The extents of one convolution: images (N, height, width, in), weights (kernel, kernel, in, out),
// result (N, out_height, out_width, out), all row-major. Padding is zeros on all four sides.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>

namespace triptych::convolution {

struct geometry {
  std::int64_t images = 0;
  int height = 1, width = 1;
  int in = 1, out = 1;
  int kernel = 1, stride = 1, padding = 0;

  [[nodiscard]] constexpr int out_height() const {
    return (height + 2 * padding - kernel) / stride + 1;
  }
  [[nodiscard]] constexpr int out_width() const {
    return (width + 2 * padding - kernel) / stride + 1;
  }
  /// Floating-point operations of one pass, products with padding counted: a multiply-add is two.
  [[nodiscard]] constexpr double flops() const {
    return 2.0 * static_cast<double>(images) * out_height() * out_width() * in * out * kernel *
           kernel;
  }
};

}  // namespace triptych::convolution
