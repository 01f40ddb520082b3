// triptych/augment/blur.hpp
//
// Gaussian blur, separable, cut at three standard deviations. The border mirrors the image with its
// edge pixels (... b a | a b c ... y z | z y ...), which keeps the sum of the pixels; torchvision's
// border leaves the edge pixel out and does not.
//
// Shapes: planes (3, height, width).
// Cost: 2 * 3 * (2 * ceil(3 sigma) + 1) multiplications a pixel.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::augment {

/// Where the mirrored, periodic continuation of 0 ... n-1 finds index i.
TRIPTYCH_HOST_DEVICE constexpr int mirrored(int i, int n) {
  i %= 2 * n;
  if (i < 0) i += 2 * n;
  return i < n ? i : 2 * n - 1 - i;
}

/// Whether a blur of that deviation in pixels changes more than the last bit of one.
TRIPTYCH_HOST_DEVICE inline bool blurs(float sigma) {
  return sigma > 0 && !(std::exp(-0.5f / (sigma * sigma)) < 0x1p-25f);
}
/// How far it looks to either side.
TRIPTYCH_HOST_DEVICE inline int blur_radius(float sigma) {
  return static_cast<int>(std::ceil(3 * sigma));
}
/// The weight of a pixel so far away, before the weights are made to sum to 1.
TRIPTYCH_HOST_DEVICE inline float blur_weight(int away, float sigma) {
  const float x = static_cast<float>(away) / sigma;
  return std::exp(-0.5f * x * x);
}

/// Memory that a blur keeps from call to call.
struct blur_workspace {
  std::vector<float> kernel;  // (2 radius + 1)
  std::vector<float> line;    // a row with its borders
  std::vector<float> plane;   // (height, width)
};

/// planes (3, height, width) <- blurred with standard deviation `sigma` > 0 in pixels, in place.
void blur(float* planes, int height, int width, float sigma, blur_workspace& work);

}  // namespace triptych::augment

#ifndef TRIPTYCH_COMPILED
#include <triptych/augment/blur_inl.hpp>
#endif
