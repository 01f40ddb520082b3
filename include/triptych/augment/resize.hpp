// triptych/augment/resize.hpp
//
// Cuts a rectangle out of an 8-bit image and resamples it to any size. The filter is antialiased:
// it widens when the image shrinks, as Pillow's and torchvision's do, and is the plain 2x2 bilinear
// (4x4 bicubic) interpolation when the image grows; it never reads outside of the rectangle.
//
// Definition, per axis, scale s = in / out: output i looks at center c = (i + 1/2) s and weighs
// input j by f((j + 1/2 - c) / max(s, 1)), over the j within the filter's reach, weights summing
// to 1. Unlike Pillow nothing is rounded to 8 bits on the way; like Pillow the result is kept in
// [0, 1].
//
// Of the resampled rectangle any part can be asked for: what is not shown is not computed.
//
// Shapes: image (H, W, 3) bytes in; planes (3, out_h, out_w) floats out, so that everything after
// this works on contiguous vectors.
// Cost: taps * 3 * (out_h * width + out_h * out_w) multiplications.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::augment {

/// The nearest number from 0 to 1.
TRIPTYCH_HOST_DEVICE constexpr float clamp01(float v) {
  v = v < 0 ? 0.0f : v;
  return v > 1 ? 1.0f : v;
}

/// The interpolation of a resampling.
enum class filter { bilinear, bicubic };

/// A rectangle of pixels.
struct box {
  int top = 0, left = 0, height = 0, width = 0;
  friend bool operator==(const box&, const box&) = default;
};

/// A borrowed 8-bit image, (height, width, 3).
struct image_view {
  std::span<const std::uint8_t> pixels;
  int height = 0, width = 0;
};

/// How far a filter reaches, in input pixels, when the image is not shrunk.
TRIPTYCH_HOST_DEVICE constexpr float reach(filter f) { return f == filter::bilinear ? 1.0f : 2.0f; }

/// The filter's weight at distance x: the triangle, or the cubic convolution with a = -1/2 (Keys
/// 1981, eq. 4).
TRIPTYCH_HOST_DEVICE constexpr float weight(filter f, float x) {
  x = x < 0 ? -x : x;
  if (f == filter::bilinear) return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5f * x - 2.5f) * x * x + 1;
  if (x < 2) return ((-0.5f * x + 2.5f) * x - 4) * x + 2;
  return 0;
}

/// How outputs of one axis weigh its inputs, before the weights are made to sum to 1.
struct sampling {
  filter kind;
  int in;  ///< inputs of the axis
  float scale, width, support;
  int taps;  ///< inputs that an output looks at

  TRIPTYCH_HOST_DEVICE sampling(filter f, int inputs, int outputs)
      : kind(f), in(inputs), scale(static_cast<float>(inputs) / static_cast<float>(outputs)),
        width(scale > 1 ? scale : 1.0f), support(reach(f) * width),
        taps(static_cast<int>(std::ceil(2 * support))) {
    if (taps > in) taps = in;
  }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE float center(int i) const {
    return (static_cast<float>(i) + 0.5f) * scale;
  }
  /// The first input that output i looks at.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE int first(int i) const {
    int start = static_cast<int>(std::floor(center(i) - support + 0.5f));
    if (start > in - taps) start = in - taps;
    return start < 0 ? 0 : start;
  }
  /// The weight in output i of the input `t` behind its first one, `start`.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE float raw(int i, int start, int t) const {
    return weight(kind, (static_cast<float>(start + t) + 0.5f - center(i)) / width);
  }
  /// The sum of those weights, by which they are divided.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE float sum(int i, int start) const {
    float total = 0;
    for (int t = 0; t < taps; ++t) total += raw(i, start, t);
    return total;
  }
};

/// What a weight of a column is multiplied by, so that bytes become numbers from 0 to 1.
inline constexpr float byte_scale = 1.0f / 255.0f;

/// The taps of one axis: output i is the sum over t of weights[i * taps + t] * input[first[i] + t].
struct axis {
  int taps = 0;
  std::vector<int> first;      // (count)
  std::vector<float> weights;  // (count, taps)

  /// Prepares the outputs begin ... begin + count - 1 of in -> out; memory is kept for the next
  /// call.
  void prepare(filter f, int in, int out, int begin, int count);
  /// Inputs from the first that is looked at to the last.
  [[nodiscard]] int span() const { return first.back() + taps - first.front(); }
};

/// Memory that a resampling keeps from call to call.
struct resize_workspace {
  axis rows, columns;
  std::vector<float> lines;  // (out_h, columns.span(), 3)
};

/// planes (3, out_h, out_w) <- the rectangle `from` of `image`, scaled to [0, 1] and resampled to
/// frame.height x frame.width, of which the pixels from (frame.top, frame.left) on are taken;
/// overwritten. `from` must lie within the image and hold at least a pixel, and the planes within
/// the frame.
void resize(image_view image, const box& from, filter f, const box& frame, int out_h, int out_w,
            resize_workspace& work, float* planes);

}  // namespace triptych::augment

#ifndef TRIPTYCH_COMPILED
#include <triptych/augment/resize_inl.hpp>
#endif
