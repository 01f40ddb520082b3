// triptych/backend/cpu/convolution/winograd/panels.hpp
//
// Where transformed squares lie: one matrix per product point ξ = (i, j), its columns (channels) in
// panels of a few vectors, as the micro-kernel reads them on either side of a product.
//
//   data[ξ][panel][row][lane]        row: a tile of a map, or an input channel of the weights
//
// `into_panels` transforms the square of one row, In x In pixels that lie anywhere, and writes its
// Out x Out points; `from_panels` goes back. Both take a vector of channels at a time through
// registers. A pitch between points is an odd number of cache lines, or all points of a row would
// meet in one set of the first-level cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <triptych/backend/cpu/convolution/winograd/transform.hpp>
#include <triptych/backend/cpu/micro_kernel.hpp>
#include <triptych/backend/cpu/simd.hpp>
#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail {

/// The extents of such an array.
struct panel_shape {
  std::int64_t rows;
  cpu::column_panels columns;
  std::int64_t panel_pitch, point_pitch;

  panel_shape(std::int64_t rows_, std::int64_t channels)
      : panel_shape(rows_, cpu::column_panels(channels)) {}
  panel_shape(std::int64_t rows_, const cpu::column_panels& columns_)
      : rows(rows_), columns(columns_), panel_pitch(rows * columns.lanes),
        point_pitch(((columns.count * panel_pitch + 15) / 16 | 1) * 16) {}

  [[nodiscard]] std::int64_t at(std::int64_t point, std::int64_t panel, std::int64_t row) const {
    return point * point_pitch + panel * panel_pitch + row * columns.lanes;
  }
  [[nodiscard]] std::int64_t size(int points) const { return points * point_pitch; }
};

/// The first `count` lanes of a vector; the others are zero.
inline simd::vector load_some(const float* p, std::int64_t count) {
  simd::vector v{};
  std::memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(float));
  return v;
}
inline void store_some(const simd::vector& v, float* p, std::int64_t count) {
  std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(float));
}

/// Floats of an array that no second-level cache holds: the lines of its next row are asked for
/// while this one is written.
inline constexpr std::int64_t far_floats = 512 * 1024;

// What becomes of a pixel's numbers between memory and a transform: `at(c, count)` is called for
// each vector of channels, of which `count` exist, and its result for each pixel.

/// Nothing.
struct as_it_is {
  [[gnu::always_inline]] auto at(std::int64_t, std::int64_t) const {
    return [](const simd::vector& v, const float*) __attribute__((always_inline)) { return v; };
  }
};

/// The last step of a BatchNorm, relu(factor x + shift), except of padding. NaN passes.
struct normalizing {
  const float *factor, *shift;
  const float* padding;  ///< where pixels beyond the map are read

  [[gnu::always_inline]] auto at(std::int64_t c, std::int64_t count) const {
    const simd::vector f = load_some(factor + c, count), s = load_some(shift + c, count);
    return [ f, s, outside = padding ](const simd::vector& v, const float* pixel)
        __attribute__((always_inline)) {
      if (pixel == outside) return v;
      const simd::vector y = simd::multiply_add(v, f, s);
      return y < simd::vector{} ? simd::vector{} : y;
    };
  }
};

/// data[.][.][row] = the transform of a square, whose pixel (i, j) has its `channels` numbers at
/// pixel[i In + j]; zeros behind the last channel.
template <int In, int Out, class Transform, class Reader>
void into_panels(const Transform& along, const Reader& reader,
                 const array_of<const float*, In * In>& pixel, std::int64_t channels,
                 const panel_shape& s, float* data, std::int64_t row) {
  const bool far = s.size(Out * Out) > far_floats;
  std::int64_t c = 0;
  for (std::int64_t panel = 0; panel < s.columns.count; ++panel) {
    float* to = data + s.at(0, panel, row);
    for (int v = 0; v < s.columns.vectors; ++v, c += simd::width, to += simd::width) {
      const auto with = [&](const auto& load) __attribute__((always_inline)) {
        both_ways<In, Out, simd::vector>(
            along, load, [&](int i, int j, const simd::vector& x) __attribute__((always_inline)) {
              float* const at = to + (i * Out + j) * s.point_pitch;
              simd::store(x, at);
              if (far) __builtin_prefetch(at + s.columns.lanes, 1);
            });
      };
      if (const std::int64_t left = channels - c; left >= simd::width) {
        const auto read = reader.at(c, simd::width);
        with([&](int i, int j) __attribute__((always_inline)) {
          const float* const p = pixel[i * In + j];
          return read(simd::load(p + c), p);
        });
      } else {
        const auto read = reader.at(c, std::max<std::int64_t>(left, 0));
        with([&](int i, int j) {
          const float* const p = pixel[i * In + j];
          return left > 0 ? read(load_some(p + c, left), p) : simd::vector{};
        });
      }
    }
  }
}

/// The way back: pixel (i, j) gets (or, with `add`, is added) the transform's `channels` numbers at
/// pixel[i Out + j], unless that is null.
template <int In, int Out, class Transform>
void from_panels(const Transform& along, const panel_shape& s, const float* data, std::int64_t row,
                 std::int64_t channels, const array_of<float*, Out * Out>& pixel, bool add) {
  const bool whole = std::find(pixel, pixel + Out * Out, nullptr) == pixel + Out * Out;
  for (std::int64_t c = 0; c < channels; c += simd::width) {
    const float* from = data + s.at(0, c / s.columns.lanes, row) + c % s.columns.lanes;
    const std::int64_t left = channels - c;
    const auto with = [&](const auto& put) __attribute__((always_inline)) {
      both_ways<In, Out, simd::vector>(
          along,
          [&](int i, int j) __attribute__((always_inline)) {
            return simd::load(from + (i * In + j) * s.point_pitch);
          },
          [&](int i, int j, const simd::vector& x)
              __attribute__((always_inline)) { put(pixel[i * Out + j], x); });
    };
    if (whole && left >= simd::width && !add) {
      with([&](float* to, const simd::vector& x)
               __attribute__((always_inline)) { simd::store(x, to + c); });
    } else {
      with([&](float* to, const simd::vector& x) {
        if (to == nullptr) return;
        const std::int64_t count = std::min<std::int64_t>(left, simd::width);
        store_some(add ? load_some(to + c, count) + x : x, to + c, count);
      });
    }
  }
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail
