// triptych/augment/draw.hpp
//
// All random decisions about one view, taken before any pixel is touched. A `draw` is plain data: a
// device kernel that is given one renders the same view.
//
// Every operation has a random stream of its own, addressed by (seed, epoch, sample, view,
// operation): switching one operation off does not change what another one draws.
// Cost: one to eleven Philox blocks an operation.
#pragma once

#include <cstdint>

#include <triptych/augment/color.hpp>
#include <triptych/augment/crop.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
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
enum class operation : std::uint32_t { crop, jitter, gray, blur, solarize, flip };

/// The stream of one operation on one view.
inline random_stream operation_stream(const address& a, operation op) {
  return {a.seed, stream::augment, static_cast<std::uint32_t>(a.sample),
          static_cast<std::uint32_t>(a.epoch),
          static_cast<std::uint32_t>(a.view) * 16 + static_cast<std::uint32_t>(op)};
}

/// One view's decisions.
struct draw {
  box crop;   ///< in pixels of the image
  box frame;  ///< what the crop is resampled to, and where in it the view's first pixel lies
  filter interpolation{};
  bool jittered = false, gray = false, solarized = false, flip = false;
  jitter_draw jitter{};
  float sigma = 0;  ///< of the blur, in pixels of the view; 0: none
  float solarize_threshold = 0;
  friend bool operator==(const draw&, const draw&) = default;
};

/// Decides the view at `a` of a height x width image, to be shown at out_h x out_w.
draw decide(const recipe& r, const address& a, int height, int width, int out_h, int out_w);

}  // namespace triptych::augment

#ifndef TRIPTYCH_COMPILED
#include <triptych/augment/draw_inl.hpp>
#endif
