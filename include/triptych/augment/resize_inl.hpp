// triptych/augment/resize_inl.hpp
//
// The bodies of resize.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

TRIPTYCH_INLINE void axis::prepare(filter f, int in, int out, int begin, int count) {
  const sampling how(f, in, out);
  taps = how.taps;
  first.resize(static_cast<std::size_t>(count));
  weights.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(taps));
  float* w = weights.data();
  for (int i = begin; i < begin + count; ++i, w += taps) {
    const int start = how.first(i);
    first[static_cast<std::size_t>(i - begin)] = start;
    const float sum = how.sum(i, start);
    for (int t = 0; t < taps; ++t) w[t] = how.raw(i, start, t) / sum;
  }
}

TRIPTYCH_INLINE void resize(image_view image, const box& from, filter f, const box& frame,
                            int out_h, int out_w, resize_workspace& work, float* planes) {
  work.rows.prepare(f, from.height, frame.height, frame.top, out_h);
  work.columns.prepare(f, from.width, frame.width, frame.left, out_w);
  const int left = work.columns.first.front(), line = work.columns.span() * 3;
  work.lines.resize(static_cast<std::size_t>(out_h) * static_cast<std::size_t>(line));

  // Down the columns first: whole lines are vectors.
  for (int y = 0; y < out_h; ++y) {
    float* to = work.lines.data() + static_cast<std::ptrdiff_t>(y) * line;
    const int start = from.top + work.rows.first[static_cast<std::size_t>(y)];
    const float* w = &work.rows.weights[static_cast<std::size_t>(y * work.rows.taps)];
    for (int t = 0; t < work.rows.taps; ++t) {
      const std::uint8_t* source =
          image.pixels.data() +
          (static_cast<std::ptrdiff_t>(start + t) * image.width + from.left + left) * 3;
      const float factor = w[t] * byte_scale;
      if (t == 0) {
        for (int i = 0; i < line; ++i) to[i] = factor * static_cast<float>(source[i]);
      } else {
        for (int i = 0; i < line; ++i) to[i] += factor * static_cast<float>(source[i]);
      }
    }
  }

  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(out_h) * out_w;
  const int taps = work.columns.taps;
  for (int y = 0; y < out_h; ++y) {
    const float* source = work.lines.data() + static_cast<std::ptrdiff_t>(y) * line;
    float* to = planes + static_cast<std::ptrdiff_t>(y) * out_w;
    const float* w = work.columns.weights.data();
    for (int x = 0; x < out_w; ++x, w += taps) {
      const float* p = source + (work.columns.first[static_cast<std::size_t>(x)] - left) * 3;
      float r = 0, g = 0, b = 0;
      for (int t = 0; t < taps; ++t, p += 3) {
        r += w[t] * p[0];
        g += w[t] * p[1];
        b += w[t] * p[2];
      }
      to[x] = clamp01(r);
      to[x + plane] = clamp01(g);
      to[x + 2 * plane] = clamp01(b);
    }
  }
}

}  // namespace triptych::augment
