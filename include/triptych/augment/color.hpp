// triptych/augment/color.hpp
//
// The color operations, each a functor from a pixel in [0, 1] to a pixel in [0, 1]. Formulas are
// torchvision's for float images; hue is turned in HSV without ever forming HSV's saturation.
//
// Shapes: planes (3, n): n red values, n green ones, n blue ones.
// Cost: at most 30 operations a pixel, without branches, so that compilers vectorize the loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

/// A color; every channel in [0, 1].
struct rgb {
  float r, g, b;
};

/// Luma with the weights of ITU-R BT.601 as torchvision rounds them.
TRIPTYCH_HOST_DEVICE constexpr float luma(rgb c) {
  return 0.2989f * c.r + 0.587f * c.g + 0.114f * c.b;
}

/// f * color + (1 - f) * level, kept in [0, 1].
TRIPTYCH_HOST_DEVICE constexpr rgb blend(rgb c, float level, float f) {
  const float rest = (1 - f) * level;
  return {clamp01(f * c.r + rest), clamp01(f * c.g + rest), clamp01(f * c.b + rest)};
}

/// Toward black (factor < 1) or away from it.
struct brightness {
  float factor;
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const { return blend(c, 0, factor); }
};

/// Toward the image's mean luma or away from it.
struct contrast {
  float factor, mean;
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const { return blend(c, mean, factor); }
};

/// Toward the pixel's own luma or away from it.
struct saturation {
  float factor;
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const { return blend(c, luma(c), factor); }
};

/// Turns the hue by `turns` of the color circle, within [-1/2, 1/2]; value and chroma stay.
struct hue {
  float turns;
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const {
    float high = c.r > c.g ? c.r : c.g;
    high = high > c.b ? high : c.b;
    float low = c.r < c.g ? c.r : c.g;
    low = low < c.b ? low : c.b;
    const float chroma = high - low;
    const float inverse = 1 / (chroma > 0 ? chroma : 1.0f);
    // The hue in sixths of a turn: 0 is red, 2 green, 4 blue.
    const float from_red = (c.g - c.b) * inverse;
    const float from_green = 2 + (c.b - c.r) * inverse;
    const float from_blue = 4 + (c.r - c.g) * inverse;
    float sixths = high == c.g ? from_green : from_blue;
    sixths = high == c.r ? from_red : sixths;
    sixths += 6 * turns;
    sixths = sixths < 0 ? sixths + 6 : sixths;
    sixths = sixths >= 6 ? sixths - 6 : sixths;
    return {channel(sixths, 5, high, chroma), channel(sixths, 3, high, chroma),
            channel(sixths, 1, high, chroma)};
  }

 private:
  // A channel is full for two sixths of the circle, empty for two, linear between them.
  TRIPTYCH_HOST_DEVICE static constexpr float channel(float sixths, float offset, float high,
                                                      float chroma) {
    float k = sixths + offset;
    k = k >= 6 ? k - 6 : k;
    const float other = 4 - k;
    return high - chroma * clamp01(k < other ? k : other);
  }
};

/// The luma in all three channels.
struct grayscale {
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const {
    const float y = luma(c);
    return {y, y, y};
  }
};

/// Inverts what is at least as bright as the threshold, channel by channel.
struct solarize {
  float threshold;
  TRIPTYCH_HOST_DEVICE constexpr rgb operator()(rgb c) const {
    return {inverted(c.r), inverted(c.g), inverted(c.b)};
  }

 private:
  TRIPTYCH_HOST_DEVICE constexpr float inverted(float v) const {
    return v >= threshold ? 1 - v : v;
  }
};

/// planes (3, n) <- op(planes), in place.
template <class Op>
void recolor(float* planes, std::size_t n, const Op& op) {
  float* __restrict r = planes;
  float* __restrict g = planes + n;
  float* __restrict b = planes + 2 * n;
  for (std::size_t i = 0; i < n; ++i) {
    const rgb c = op(rgb{r[i], g[i], b[i]});
    r[i] = c.r;
    g[i] = c.g;
    b[i] = c.b;
  }
}

/// The mean luma of planes (3, n), summed in sixteen lanes: the same bits on every machine.
float mean_luma(const float* planes, std::size_t n);

/// What the color operations need of a canvas (paint.hpp), on planes (3, n) and one thread.
struct color_planes {
  float* planes;
  std::size_t n;

  template <class Op>
  void recolor(const Op& op) const {
    augment::recolor(planes, n, op);
  }
  [[nodiscard]] float mean_luma() const { return augment::mean_luma(planes, n); }
};

/// The four operations of a color jitter.
enum class jitter_op : std::uint8_t { brightness, contrast, saturation, hue };

/// A color jitter whose random numbers are drawn: factors (1: nothing), turns (0: nothing), order.
struct jitter_draw {
  float brightness = 1, contrast = 1, saturation = 1, hue = 0;
  std::array<jitter_op, 4> order{jitter_op::brightness, jitter_op::contrast, jitter_op::saturation,
                                 jitter_op::hue};
  friend bool operator==(const jitter_draw&, const jitter_draw&) = default;
};

/// The operations of a jitter in their order, on a canvas (paint.hpp).
template <class Canvas>
TRIPTYCH_HOST_DEVICE void jitter(const Canvas& canvas, const jitter_draw& d) {
  for (const jitter_op op : d.order) {
    switch (op) {
    case jitter_op::brightness:
      if (d.brightness != 1) canvas.recolor(brightness{d.brightness});
      break;
    case jitter_op::contrast:
      if (d.contrast != 1) canvas.recolor(contrast{d.contrast, canvas.mean_luma()});
      break;
    case jitter_op::saturation:
      if (d.saturation != 1) canvas.recolor(saturation{d.saturation});
      break;
    case jitter_op::hue:
      if (d.hue != 0) canvas.recolor(hue{d.hue});
      break;
    }
  }
}

}  // namespace triptych::augment

#ifndef TRIPTYCH_COMPILED
#include <triptych/augment/color_inl.hpp>
#endif
