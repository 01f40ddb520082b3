// triptych/augment/crop.hpp
//
// Which part of an image a view shows: a random rectangle of given area and shape, or the middle.
// The random numbers come from the caller's stream; resampling is resize.hpp's.
//
// Source: the random resized crop of Szegedy et al., "Going deeper with convolutions" (CVPR 2015),
// with torchvision's rules: ten tries, then the center.
#pragma once

#include <cmath>

#include <triptych/augment/resize.hpp>
#include <triptych/core/philox.hpp>

namespace triptych::augment {

/// What a random resized crop may take: a share of the area, a ratio width : height.
struct crop_range {
  float scale_min = 0.2f, scale_max = 1.0f;
  float ratio_min = 3.0f / 4.0f, ratio_max = 4.0f / 3.0f;
  friend bool operator==(const crop_range&, const crop_range&) = default;
};

/// "Resize the shorter side, then crop the center": the size that a whole height x width image is
/// resampled to, so that it just covers out_h x out_w, and where in it the view lies. Rounded as
/// torchvision rounds (the longer side down, the corner to even numbers).
inline box center_frame(int height, int width, int out_h, int out_w) {
  const auto scaled = [](int a, int b, int c) {
    return static_cast<int>(static_cast<std::int64_t>(a) * b / c);
  };
  const auto middle = [](int room) { return room / 2 + (room % 2 == 1 ? room / 2 % 2 : 0); };
  box b{0, 0, out_h, out_w};
  if (static_cast<std::int64_t>(width) * out_h > static_cast<std::int64_t>(height) * out_w) {
    b.width = scaled(out_h, width, height);
  } else {
    b.height = scaled(out_w, height, width);
  }
  b.top = middle(b.height - out_h);
  b.left = middle(b.width - out_w);
  return b;
}

/// A random rectangle within `range`; after ten that do not fit, the largest centered one whose
/// ratio is allowed.
inline box random_crop(const crop_range& range, int height, int width, random_stream& random) {
  const float area = static_cast<float>(height) * static_cast<float>(width);
  const float log_min = std::log(range.ratio_min), log_max = std::log(range.ratio_max);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const float target = area * random.uniform(range.scale_min, range.scale_max);
    const float ratio = std::exp(random.uniform(log_min, log_max));
    const int w = static_cast<int>(std::lrint(std::sqrt(target * ratio)));
    const int h = static_cast<int>(std::lrint(std::sqrt(target / ratio)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int top = static_cast<int>(random.below(static_cast<std::uint32_t>(height - h + 1)));
    const int left = static_cast<int>(random.below(static_cast<std::uint32_t>(width - w + 1)));
    return {top, left, h, w};
  }
  const float ratio = static_cast<float>(width) / static_cast<float>(height);
  int w = width, h = height;
  if (ratio < range.ratio_min) {
    h = static_cast<int>(std::lrint(static_cast<float>(w) / range.ratio_min));
  } else if (ratio > range.ratio_max) {
    w = static_cast<int>(std::lrint(static_cast<float>(h) * range.ratio_max));
  }
  w = w < 1 ? 1 : w;
  h = h < 1 ? 1 : h;
  return {(height - h) / 2, (width - w) / 2, h, w};
}

}  // namespace triptych::augment
