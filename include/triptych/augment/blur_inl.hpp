// triptych/augment/blur_inl.hpp
//
// The bodies of blur.hpp.
#pragma once

#include <cstddef>

#include <triptych/augment/blur.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

TRIPTYCH_INLINE void blur(float* planes, int height, int width, float sigma, blur_workspace& work) {
  if (!blurs(sigma)) return;
  const int radius = blur_radius(sigma);
  const int taps = 2 * radius + 1;
  work.kernel.resize(static_cast<std::size_t>(taps));
  float sum = 0;
  for (int t = 0; t < taps; ++t) {
    sum += work.kernel[static_cast<std::size_t>(t)] = blur_weight(t - radius, sigma);
  }
  for (float& k : work.kernel) k /= sum;

  work.line.resize(static_cast<std::size_t>(width + 2 * radius));
  work.plane.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
  const auto row = [width](float* p, int y) { return p + static_cast<std::ptrdiff_t>(y) * width; };
  for (int c = 0; c < 3; ++c) {
    float* plane = row(planes, c * height);
    for (int y = 0; y < height; ++y) {
      const float* from = row(plane, y);
      float* line = work.line.data() + radius;
      for (int x = -radius; x < 0; ++x) line[x] = from[mirrored(x, width)];
      for (int x = 0; x < width; ++x) line[x] = from[x];
      for (int x = width; x < width + radius; ++x) line[x] = from[mirrored(x, width)];
      float* to = row(work.plane.data(), y);
      for (int x = 0; x < width; ++x) to[x] = 0;
      for (int t = 0; t < taps; ++t) {
        const float k = work.kernel[static_cast<std::size_t>(t)];
        const float* shifted = work.line.data() + t;
        for (int x = 0; x < width; ++x) to[x] += k * shifted[x];
      }
    }
    for (int y = 0; y < height; ++y) {
      float* to = row(plane, y);
      for (int x = 0; x < width; ++x) to[x] = 0;
      for (int t = 0; t < taps; ++t) {
        const float k = work.kernel[static_cast<std::size_t>(t)];
        const float* from = row(work.plane.data(), mirrored(y + t - radius, height));
        for (int x = 0; x < width; ++x) to[x] += k * from[x];
      }
    }
  }
}

}  // namespace triptych::augment
