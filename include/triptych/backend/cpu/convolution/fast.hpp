// triptych/backend/cpu/convolution/fast.hpp
//
// The fastest algorithm for each shape, by a rule from shapes alone, so that bits never depend on a
// measurement: winograd<4> for 3x3 kernels where it needs few enough of the products of the direct
// sum (of a tap with a pixel that lie inside the map),
//
//   stride 1   36 ⌈H'/4⌉ ⌈W'/4⌉  <=  1/2  x direct products, 16 channels or more on both sides
//   stride 2   81 ⌈H'/4⌉ ⌈W'/4⌉  <=  7/10 x direct products, 32 channels or more on both sides
//
// because with fewer channels the transforms cost more than they save; else `direct`: 1x1
// convolutions, a stem, and maps of 3x3 and below, where padding takes so many products that
// leaving them out is as good.
//
// What it gains at each shape is measured in docs/performance.md; winograd<2> was never the fastest
// of the three.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/backend/cpu/convolution/algorithm.hpp>
#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

struct fast {
  using tiled = winograd<4>;

  /// Whether `tiled` runs rather than `direct`.
  static constexpr bool tiles(const geometry& g) {
    if (!tiled::takes(g) || std::min(g.in, g.out) < (g.stride == 1 ? 16 : 32)) return false;
    const auto inside = [&](int size, int out) {
      std::int64_t products = 0;
      for (int t = 0; t < out; ++t) {
        const int first = t * g.stride - g.padding;
        for (int r = first; r < first + g.kernel; ++r) products += r >= 0 && r < size;
      }
      return products;
    };
    const std::int64_t tiles = cpu::shares(g.out_height(), 4) * cpu::shares(g.out_width(), 4);
    const std::int64_t sum = inside(g.height, g.out_height()) * inside(g.width, g.out_width());
    return g.stride == 1 ? 2 * 36 * tiles <= sum : 10 * 81 * tiles <= 7 * sum;
  }

  static constexpr bool reads_normalized(const geometry& g) {
    return tiles(g) && tiled::reads_normalized(g);
  }

  static void forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                      const normalized_map<float>& x, const float* w, float* y) {
    if (tiles(g)) return tiled::forward(pool, scratch, g, x, w, y);
    direct::forward(pool, scratch, g, plain(x), w, y);
  }

  static void backward_data(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                            const float* dy, const float* w, float* dx, bool accumulate) {
    if (tiles(g)) return tiled::backward_data(pool, scratch, g, dy, w, dx, accumulate);
    direct::backward_data(pool, scratch, g, dy, w, dx, accumulate);
  }

  static void backward_weights(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                               const normalized_map<float>& x, const float* dy, float* dw,
                               bool accumulate) {
    if (tiles(g)) return tiled::backward_weights(pool, scratch, g, x, dy, dw, accumulate);
    direct::backward_weights(pool, scratch, g, plain(x), dy, dw, accumulate);
  }
};

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
