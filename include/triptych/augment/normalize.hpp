// triptych/augment/normalize.hpp
//
// The last step of a view: planes become channels-last pixels with mean 0 and deviation 1 over the
// data set, mirrored on the way if the view is flipped.
//
// Shapes: planes (3, height, width) in, pixels (height, width, 3) out.
#pragma once

#include <array>
#include <cstddef>

#include <triptych/config.hpp>

namespace triptych::augment {

/// (v - mean) / deviation of one channel.
struct normalize {
  float mean, inverse_deviation;
  TRIPTYCH_HOST_DEVICE constexpr float operator()(float v) const {
    return (v - mean) * inverse_deviation;
  }
};

/// The mean and standard deviation of a data set's channels, of pixels scaled to [0, 1].
struct normalization {
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> deviation{1, 1, 1};

  [[nodiscard]] TRIPTYCH_HOST_DEVICE constexpr normalize channel(int c) const {
    const auto at = static_cast<std::size_t>(c);
    return {mean[at], 1 / deviation[at]};
  }
};

/// Of ImageNet's training images: what most published weights expect. Source: torchvision, "Models
/// and pre-trained weights".
inline constexpr normalization imagenet_normalization{{0.485f, 0.456f, 0.406f},
                                                      {0.229f, 0.224f, 0.225f}};

/// The column of the source that lands in column x of a view.
struct horizontal_flip {
  bool on;
  int width;
  TRIPTYCH_HOST_DEVICE constexpr int operator()(int x) const { return on ? width - 1 - x : x; }
};

/// out (height, width, 3) <- the normalized, perhaps mirrored planes (3, height, width);
/// overwritten.
inline void finish(const float* planes, int height, int width, bool flip, const normalization& n,
                   float* out) {
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(height) * width;
  const horizontal_flip column{flip, width};
  const normalize red = n.channel(0), green = n.channel(1), blue = n.channel(2);
  for (int y = 0; y < height; ++y) {
    const float* from = planes + static_cast<std::ptrdiff_t>(y) * width;
    for (int x = 0; x < width; ++x, out += 3) {
      const float* p = from + column(x);
      out[0] = red(p[0]);
      out[1] = green(p[plane]);
      out[2] = blue(p[2 * plane]);
    }
  }
}

}  // namespace triptych::augment
