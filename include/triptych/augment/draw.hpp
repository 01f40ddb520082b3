// triptych/augment/draw.hpp
//
// All random decisions about one view, taken before any pixel is touched. A `draw` is plain data: a
// device kernel that is given one renders the same view.
//
// Every operation has a random stream of its own, addressed by (seed, epoch, sample, view,
// operation): switching one operation off does not change what another one draws.
// Cost: one to eleven Philox blocks an operation.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include <triptych/augment/color.hpp>
#include <triptych/augment/crop.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/core/philox.hpp>

namespace triptych::augment {

/// Which view is meant. Samples below 2^32, epochs below 2^24, views below `view_limit`.
struct address {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0, sample = 0;
  int view = 0;
};
inline constexpr int view_limit = 16;

/// What a random number is for; part of its address.
enum class operation : std::uint32_t { crop, jitter, gray, blur, solarise, flip };

/// The stream of one operation on one view.
inline random_stream operation_stream(const address& a, operation op) {
  return {a.seed, stream::augment, static_cast<std::uint32_t>(a.sample),
          static_cast<std::uint32_t>(a.epoch),
          static_cast<std::uint32_t>(a.view) * 16 + static_cast<std::uint32_t>(op)};
}

/// One view's decisions.
struct draw {
  box crop;  ///< in pixels of the image
  filter interpolation{};
  bool jittered = false, gray = false, solarised = false, flip = false;
  jitter_draw jitter{};
  float sigma = 0;  ///< of the blur, in pixels of the view; 0: none
  float solarise_threshold = 0;
  friend bool operator==(const draw&, const draw&) = default;
};

/// Decides the view at `a` of a height x width image, to be shown at out_h x out_w.
inline draw decide(const recipe& r, const address& a, int height, int width, int out_h, int out_w) {
  draw d;
  d.interpolation = r.interpolation;
  if (r.random_crop) {
    auto random = operation_stream(a, operation::crop);
    d.crop = random_crop(r.crop, height, width, random);
  } else {
    d.crop = centre_crop(height, width, out_h, out_w);
  }
  if (r.jitter_p > 0) {
    auto random = operation_stream(a, operation::jitter);
    d.jittered = random.uniform() < r.jitter_p;
    for (std::uint32_t i = 3; i > 0; --i) {
      std::swap(d.jitter.order[i], d.jitter.order[random.below(i + 1)]);
    }
    const auto factor = [&random](float x) { return random.uniform(x < 1 ? 1 - x : 0, 1 + x); };
    d.jitter.brightness = factor(r.brightness);
    d.jitter.contrast = factor(r.contrast);
    d.jitter.saturation = factor(r.saturation);
    d.jitter.hue = random.uniform(-r.hue, r.hue);
  }
  d.gray = r.gray_p > 0 && operation_stream(a, operation::gray).uniform() < r.gray_p;
  if (r.blur_p > 0) {
    auto random = operation_stream(a, operation::blur);
    if (random.uniform() < r.blur_p) {
      const float shorter = static_cast<float>(out_h < out_w ? out_h : out_w);
      d.sigma = random.uniform(r.sigma_min, r.sigma_max) * (r.scale_blur ? shorter / 224 : 1);
    }
  }
  d.solarised =
      r.solarise_p > 0 && operation_stream(a, operation::solarise).uniform() < r.solarise_p;
  d.solarise_threshold = r.solarise_threshold;
  d.flip = r.flip_p > 0 && operation_stream(a, operation::flip).uniform() < r.flip_p;
  return d;
}

}  // namespace triptych::augment
