// triptych/augment/pipeline_inl.hpp
//
// The bodies of pipeline.hpp.
#pragma once

#include <cstddef>

#include <triptych/augment/blur.hpp>
#include <triptych/augment/color.hpp>
#include <triptych/augment/draw.hpp>
#include <triptych/augment/normalize.hpp>
#include <triptych/augment/paint.hpp>
#include <triptych/augment/pipeline.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

namespace detail {

/// A canvas (paint.hpp) of one thread; views are written to `out`.
struct canvas {
  image_view image;
  const normalization& constants;
  int height, width;
  workspace& work;
  float* out;

  [[nodiscard]] std::size_t pixels() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  [[nodiscard]] float* planes() const { return work.planes.data(); }
  [[nodiscard]] color_planes colors() const { return {planes(), pixels()}; }

  void take(const box& crop, const box& frame, filter f) const {
    work.planes.resize(3 * pixels());
    resize(image, crop, f, frame, height, width, work.resize, planes());
  }
  template <class Op>
  void recolor(const Op& op) const {
    colors().recolor(op);
  }
  [[nodiscard]] float mean_luma() const { return colors().mean_luma(); }
  void blur(float sigma) const { augment::blur(planes(), height, width, sigma, work.blur); }
  void finish(bool flip) const { augment::finish(planes(), height, width, flip, constants, out); }
};

}  // namespace detail

TRIPTYCH_INLINE void render(const draw& d, const normalization& n, image_view image, int out_h,
                            int out_w, workspace& work, float* out) {
  paint(d, detail::canvas{image, n, out_h, out_w, work, out});
}

TRIPTYCH_INLINE void apply(const recipe& r, const normalization& n, image_view image,
                           const address& a, int out_h, int out_w, workspace& work, float* out) {
  render(decide(r, a, image.height, image.width, out_h, out_w), n, image, out_h, out_w, work, out);
}

}  // namespace triptych::augment
