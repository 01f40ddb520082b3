// triptych/augment/draw_inl.hpp
//
// The bodies of draw.hpp.
#pragma once

#include <cstdint>
#include <utility>

#include <triptych/augment/crop.hpp>
#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

TRIPTYCH_INLINE draw decide(const recipe& r, const address& a, int height, int width, int out_h,
                            int out_w) {
  draw d;
  d.interpolation = r.interpolation;
  if (r.random_crop) {
    auto random = operation_stream(a, operation::crop);
    d.crop = random_crop(r.crop, height, width, random);
    d.frame = {0, 0, out_h, out_w};
  } else {
    d.crop = {0, 0, height, width};
    d.frame = center_frame(height, width, out_h, out_w);
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
  d.solarized =
      r.solarize_p > 0 && operation_stream(a, operation::solarize).uniform() < r.solarize_p;
  d.solarize_threshold = r.solarize_threshold;
  d.flip = r.flip_p > 0 && operation_stream(a, operation::flip).uniform() < r.flip_p;
  return d;
}

}  // namespace triptych::augment
