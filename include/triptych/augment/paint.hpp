// triptych/augment/paint.hpp
//
// The operations of a view in their order, on whatever it is painted: on a canvas of one thread
// (pipeline_inl.hpp) or of a group of lanes (group_canvas.hpp). A canvas holds planes (3, h, w) and
// has
//
//   take(crop, frame, filter)   the planes are the pixels from the frame's corner on of that rectangle of the
//                      image, resampled to the frame's size, in [0, 1]
//   recolor(op)        each pixel is op of it (color.hpp)
//   mean_luma()         of all pixels
//   blur(sigma)
//   finish(flip)        the planes become a normalized view (h, w, 3), perhaps mirrored
#pragma once

#include <triptych/augment/color.hpp>
#include <triptych/augment/draw.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

/// The view that `d` decided.
template <class Canvas>
TRIPTYCH_HOST_DEVICE void paint(const draw& d, const Canvas& canvas) {
  canvas.take(d.crop, d.frame, d.interpolation);
  if (d.jittered) jitter(canvas, d.jitter);
  if (d.gray) canvas.recolor(grayscale{});
  if (d.sigma > 0) canvas.blur(d.sigma);
  if (d.solarized) canvas.recolor(solarize{d.solarize_threshold});
  canvas.finish(d.flip);
}

}  // namespace triptych::augment
