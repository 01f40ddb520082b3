// triptych/augment/group_canvas.hpp
//
// Views of a batch, each made by a group of lanes (kernels/group.hpp): what a device does with
// images that lie in its memory. The arithmetic of every pixel is that of the CPU's views, the
// order of operations is paint.hpp's; alone the mean luma of a contrast is summed in another order,
// and a device's exponential may end in other bits.
//
// Shapes: images (N, H, W, 3) bytes; views (V n, S, S, 3) floats, view-major.
// Cost: a launch; 24 bytes a pixel of scratch memory, which a cache holds for small views.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/augment/blur.hpp>
#include <triptych/augment/color.hpp>
#include <triptych/augment/draw.hpp>
#include <triptych/augment/normalize.hpp>
#include <triptych/augment/paint.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

/// The views of a batch, decided: everything but the memory that they are made in.
struct view_batch {
  const std::uint8_t* pixels = nullptr;  ///< (N, height, width, 3)
  int height = 0, width = 0;
  const std::int64_t* samples = nullptr;  ///< (per_view): indices into the images
  const draw* draws = nullptr;            ///< (views per_view), view-major
  std::int64_t views = 0, per_view = 0;
  int side = 0;  ///< of a view
  normalization constants{};

  [[nodiscard]] TRIPTYCH_HOST_DEVICE std::int64_t count() const { return views * per_view; }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE std::int64_t view_pixels() const {
    return std::int64_t{side} * side;
  }
};

/// A canvas (paint.hpp) that the lanes of a group paint together. Between operations each lane
/// waits for the others: the next one may read what another lane wrote.
template <class Group>
struct group_canvas {
  Group group;
  const std::uint8_t* image;  ///< (height, width, 3)
  int width;                  ///< of the image
  int side;                   ///< of the view
  normalization constants;
  float *planes, *other;  ///< (3, side, side) each
  float* kernel;          ///< of the blur
  float* out;             ///< (side, side, 3)

  TRIPTYCH_HOST_DEVICE void take(const box& from, const box& frame, filter f) const {
    const sampling rows(f, from.height, frame.height), columns(f, from.width, frame.width);
    const std::uint8_t* const corner =
        image + (static_cast<std::ptrdiff_t>(from.top) * width + from.left) * 3;
    const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(width) * 3;
    const int s = side, above = frame.top, before = frame.left;
    float* const to = planes;
    const std::int64_t n = std::int64_t{s} * s;
    group.each(n, [=](std::int64_t i) {
      const int y = above + static_cast<int>(i / s), x = before + static_cast<int>(i % s);
      const int top = rows.first(y), left = columns.first(x);
      const float row_sum = rows.sum(y, top), column_sum = columns.sum(x, left);
      float r = 0, g = 0, b = 0;
      for (int u = 0; u < columns.taps; ++u) {
        float line_r = 0, line_g = 0, line_b = 0;
        const std::uint8_t* source = corner + top * line + std::ptrdiff_t{left + u} * 3;
        for (int t = 0; t < rows.taps; ++t, source += line) {
          const float factor = rows.raw(y, top, t) / row_sum * byte_scale;
          line_r += factor * static_cast<float>(source[0]);
          line_g += factor * static_cast<float>(source[1]);
          line_b += factor * static_cast<float>(source[2]);
        }
        const float factor = columns.raw(x, left, u) / column_sum;
        r += factor * line_r;
        g += factor * line_g;
        b += factor * line_b;
      }
      to[i] = clamp01(r);
      to[i + n] = clamp01(g);
      to[i + 2 * n] = clamp01(b);
    });
    group.sync();
  }

  template <class Op>
  TRIPTYCH_HOST_DEVICE void recolor(const Op& op) const {
    const std::int64_t n = std::int64_t{side} * side;
    float* const p = planes;
    group.each(n, [=](std::int64_t i) {
      const rgb c = op(rgb{p[i], p[i + n], p[i + 2 * n]});
      p[i] = c.r;
      p[i + n] = c.g;
      p[i + 2 * n] = c.b;
    });
    group.sync();
  }

  [[nodiscard]] TRIPTYCH_HOST_DEVICE float mean_luma() const {
    const std::int64_t n = std::int64_t{side} * side;
    const float* const p = planes;
    const double sum = group.template sum<double>(n, [=](std::int64_t i) {
      return static_cast<double>(luma({p[i], p[i + n], p[i + 2 * n]}));
    });
    return static_cast<float>(sum / static_cast<double>(n));
  }

  TRIPTYCH_HOST_DEVICE void blur(float sigma) const {
    if (!blurs(sigma)) return;
    const int radius = blur_radius(sigma), taps = 2 * radius + 1, s = side;
    float* const weights = kernel;
    group.each(taps, [=](std::int64_t t) {
      weights[t] = blur_weight(static_cast<int>(t) - radius, sigma);
    });
    group.sync();
    float sum = 0;
    for (int t = 0; t < taps; ++t) sum += weights[t];
    const std::int64_t n = std::int64_t{3} * s * s;
    float *const from = planes, *const between = other;
    group.each(n, [=](std::int64_t i) {
      const std::int64_t row = i / s * s;
      const int x = static_cast<int>(i % s);
      float v = 0;
      for (int t = 0; t < taps; ++t) {
        v += weights[t] / sum * from[row + mirrored(x + t - radius, s)];
      }
      between[i] = v;
    });
    group.sync();
    group.each(n, [=](std::int64_t i) {
      const std::int64_t plane = i / s / s * s;  // its first row
      const int y = static_cast<int>(i / s - plane), x = static_cast<int>(i % s);
      float v = 0;
      for (int t = 0; t < taps; ++t) {
        v += weights[t] / sum * between[(plane + mirrored(y + t - radius, s)) * s + x];
      }
      from[i] = v;
    });
    group.sync();
  }

  TRIPTYCH_HOST_DEVICE void finish(bool flip) const {
    const int s = side;
    const horizontal_flip column{flip, s};
    const normalization c = constants;
    const std::int64_t n = std::int64_t{s} * s;
    const float* const from = planes;
    float* const to = out;
    group.each(n, [=](std::int64_t i) {
      const float* p = from + i / s * s + column(static_cast<int>(i % s));
      for (int k = 0; k < 3; ++k) to[i * 3 + k] = c.channel(k)(p[k * n]);
    });
  }
};

/// View first + i of a batch, by a group of lanes.
struct view_by_group {
  view_batch batch;
  std::int64_t first;
  int taps;        ///< room for a blur's kernel
  float* scratch;  ///< (views at a time, scratch_size)
  float* out;      ///< of the whole batch

  /// Numbers of scratch memory for one view.
  [[nodiscard]] TRIPTYCH_HOST_DEVICE static std::int64_t scratch_size(const view_batch& b,
                                                                      int taps) {
    return 6 * b.view_pixels() + taps;
  }

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t i) const {
    const std::int64_t view = first + i, planes = 3 * batch.view_pixels();
    const std::int64_t bytes = std::int64_t{batch.height} * batch.width * 3;
    float* const mine = scratch + i * scratch_size(batch, taps);
    paint(batch.draws[view],
          group_canvas<Group>{g, batch.pixels + batch.samples[view % batch.per_view] * bytes,
                              batch.width, batch.side, batch.constants, mine, mine + planes,
                              mine + 2 * planes, out + view * planes});
  }
};

}  // namespace triptych::augment
