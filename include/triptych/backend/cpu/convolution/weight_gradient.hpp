// triptych/backend/cpu/convolution/weight_gradient.hpp
//
// The gradient of a convolution's weights:
//
//   dw[r, s, c, o] = sum over images n and result pixels (t, u) of
//                    x[n, t stride - padding + r, u stride - padding + s, c] dy[n, t, u, o]
//
// For one tap that is a matrix product of x (pixels x in, transposed) and dy (pixels x out), summed
// in registers over a run of pixels; pixels that meet padding are left out.
//
//                  dy[pixel] |---- V vectors ----|         for every pixel of the run:
//      x[pixel][j]   ->      |  sum  sum  sum    |            R broadcasts, V loads,
//      x[pixel][j+1] ->      |  sum  sum  sum    |            R V multiply-adds
//      ...  R of them        |                   |
//
// In x the channels of taps (r, 0), (r, 1), ... lie one after the other, and so do their rows of
// dw: j counts (s, c). With few channels (a stem) the R rows of a block run across taps, with many
// each tap has blocks of its own, over just the columns it reaches (`segment`).
//
// A task is (shard of images, block of output channels). Shards end in partial gradients, added up
// in a binary tree; large layers have enough blocks to need no shards. Within a shard pixels come
// in pieces that stay in the second-level cache, each piece's sum is added to the shard's: rounding
// grows with the square root of a piece and of the number of pieces.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <triptych/backend/cpu/simd.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/config.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/array_of.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA::detail {

/// The operands of one register block; pitches count floats.
struct outer_block {
  const float* x;   ///< first pixel, row j of dw
  const float* dy;  ///< first pixel, packed to full vectors
  int images, rows, columns;
  std::int64_t x_image, x_row, x_column;
  std::int64_t dy_image, dy_row;
  float* dw;
  std::int64_t dw_row, lanes;  ///< lanes of the block that exist in dw
};

/// dw += sum over pixels of x (outer product) dy.
template <int Vectors, int Rows>
void outer(const outer_block& b) {
  using namespace simd;
  constexpr int lanes = Vectors * width;
  matrix_of<vector, Rows, Vectors> sum;
  TRIPTYCH_UNROLL
  for (int j = 0; j < Rows; ++j) {
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[j][v] = vector{};
  }
  for (int n = 0; n < b.images; ++n) {
    for (int t = 0; t < b.rows; ++t) {
      const float* x = b.x + n * b.x_image + t * b.x_row;
      const float* dy = b.dy + n * b.dy_image + t * b.dy_row;
      for (int u = 0; u < b.columns; ++u, x += b.x_column, dy += lanes) {
        array_of<vector, Vectors> d;
        TRIPTYCH_UNROLL
        for (int v = 0; v < Vectors; ++v) d[v] = load(dy + v * width);
        TRIPTYCH_UNROLL
        for (int j = 0; j < Rows; ++j) {
          TRIPTYCH_UNROLL
          for (int v = 0; v < Vectors; ++v) sum[j][v] = simd::multiply_add(d[v], x[j], sum[j][v]);
        }
      }
    }
  }
  TRIPTYCH_UNROLL
  for (int j = 0; j < Rows; ++j) {
    float* const dw = b.dw + j * b.dw_row;
    if (b.lanes == lanes) {
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) store(load(dw + v * width) + sum[j][v], dw + v * width);
    } else {
      array_of<float, lanes> part;
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) store(sum[j][v], part + v * width);
      for (int o = 0; o < b.lanes; ++o) dw[o] += part[o];
    }
  }
}

template <int Vectors>
void outer_rows(int rows, const outer_block& b) {
  static constexpr auto table = []<int... R>(std::integer_sequence<int, R...>) {
    return std::array{&outer<Vectors, R + 1>...};
  }
  (std::make_integer_sequence<int, simd::most_rows(Vectors)>{});
  table[static_cast<std::size_t>(rows - 1)](b);
}

inline void outer_any(int vectors, int rows, const outer_block& b) {
  switch (vectors) {
  case 1:
    return outer_rows<1>(rows, b);
  case 2:
    return outer_rows<2>(rows, b);
  case 3:
    return outer_rows<std::min(3, simd::most_vectors)>(rows, b);
  default:
    return outer_rows<simd::most_vectors>(rows, b);
  }
}

/// Output coordinates [begin, end) for which tap `r` reads inside an input of `extent`.
struct reach {
  int begin, end;
  constexpr reach(int r, int extent, int out, int stride, int padding)
      : begin(std::max(0, (padding - r + stride - 1) / stride)),
        end(std::min(out,
                     extent - 1 + padding - r < 0 ? 0 : (extent - 1 + padding - r) / stride + 1)) {
    if (begin > end) begin = end;
  }
};

/// How the work is cut, by shapes alone.
struct gradient_tiles {
  int vectors;
  std::int64_t lanes, blocks, shards, pieces, bands;
  std::int64_t most_images;  ///< of a piece
  std::int64_t most_rows;    ///< of a band of output rows

  explicit gradient_tiles(const geometry& g) {
    const int needed = (g.out + simd::width - 1) / simd::width;
    blocks = cpu::shares(needed, simd::most_vectors);
    vectors = static_cast<int>((needed + blocks - 1) / blocks);
    lanes = std::int64_t{vectors} * simd::width;
    shards = std::clamp<std::int64_t>(16 / blocks, 1, std::max<std::int64_t>(1, g.images));
    if (blocks >= 8) shards = 1;
    // A piece: x and the block of dy for a few images, or for a band of rows of one.
    const std::int64_t row = std::int64_t{g.width} * g.in * g.stride + g.out_width() * lanes;
    const std::int64_t image = row * g.out_height();
    bands = std::min<std::int64_t>(cpu::shares(image, cpu::tile_floats), g.out_height());
    most_rows = cpu::shares(g.out_height(), bands);
    const std::int64_t in_shard = cpu::shares(g.images, shards);
    pieces = cpu::shares(
        in_shard, std::max<std::int64_t>(1, cpu::tile_floats / std::max<std::int64_t>(1, image)));
    most_images = cpu::shares(in_shard, pieces);
  }
};

/// One task: adds the shard's images for one block of output channels to `dw`; `packed` holds dy.
inline void gradient_task(const geometry& g, const gradient_tiles& tiles, std::int64_t shard,
                          std::int64_t block, const float* x, const float* dy, float* packed,
                          float* dw) {
  const int out_height = g.out_height(), out_width = g.out_width();
  const std::int64_t lanes = std::min(tiles.lanes, g.out - block * tiles.lanes);
  const std::int64_t x_row = std::int64_t{g.width} * g.in;
  const std::int64_t shard_begin = cpu::share_begin(g.images, tiles.shards, shard);
  const std::int64_t in_shard = cpu::share_begin(g.images, tiles.shards, shard + 1) - shard_begin;

  for (std::int64_t part = 0; part < tiles.pieces * tiles.bands; ++part) {
    const std::int64_t piece = part / tiles.bands, band = part % tiles.bands;
    const std::int64_t image = shard_begin + cpu::share_begin(in_shard, tiles.pieces, piece);
    const std::int64_t image_end =
        shard_begin + cpu::share_begin(in_shard, tiles.pieces, piece + 1);
    const auto row = static_cast<int>(cpu::share_begin(out_height, tiles.bands, band));
    const auto row_end = static_cast<int>(cpu::share_begin(out_height, tiles.bands, band + 1));
    if (image == image_end) continue;

    // dy of this piece, this block of channels alone, zeros where the last vector is not full.
    float* to = packed;
    for (std::int64_t n = image; n < image_end; ++n) {
      const float* from = dy + ((n * out_height + row) * out_width) * g.out + block * tiles.lanes;
      for (int pixel = 0; pixel < (row_end - row) * out_width; ++pixel, from += g.out) {
        if (lanes == tiles.lanes) {
          for (std::int64_t v = 0; v < lanes; v += simd::width) {
            simd::store(simd::load(from + v), to + v);
          }
        } else {
          std::copy_n(from, lanes, to);
          std::fill_n(to + lanes, tiles.lanes - lanes, 0.0f);
        }
        to += tiles.lanes;
      }
    }

    outer_block b{};
    b.images = static_cast<int>(image_end - image);
    b.x_image = g.height * x_row;
    b.x_row = g.stride * x_row;
    b.x_column = std::int64_t{g.stride} * g.in;
    b.dy_row = out_width * tiles.lanes;
    b.dy_image = (row_end - row) * b.dy_row;
    b.dw_row = g.out;
    b.lanes = lanes;
    for (int r = 0; r < g.kernel; ++r) {
      const reach rows(r, g.height, out_height, g.stride, g.padding);
      const int top = std::max(row, rows.begin), bottom = std::min(row_end, rows.end);
      if (top >= bottom) continue;
      b.rows = bottom - top;
      // Rows [j, j_end) of dw[r] over output columns [left, right).
      const auto segment = [&](std::int64_t j, std::int64_t j_end, int left, int right) {
        if (left >= right || j >= j_end) return;
        b.columns = right - left;
        b.dy = packed + ((top - row) * out_width + left) * tiles.lanes;
        const std::int64_t count = cpu::shares(j_end - j, simd::most_rows(tiles.vectors));
        for (std::int64_t k = 0; k < count; ++k) {
          const std::int64_t at = j + cpu::share_begin(j_end - j, count, k);
          const std::int64_t end = j + cpu::share_begin(j_end - j, count, k + 1);
          b.x = x + image * b.x_image + (top * g.stride - g.padding + r) * x_row +
                (left * g.stride - g.padding) * std::int64_t{g.in} + at;
          b.dw = dw + (std::int64_t{r} * g.kernel * g.in + at) * g.out + block * tiles.lanes;
          outer_any(tiles.vectors, static_cast<int>(end - at), b);
        }
      };
      if (g.in >= simd::width / 2) {
        for (int s = 0; s < g.kernel; ++s) {
          const reach columns(s, g.width, out_width, g.stride, g.padding);
          segment(std::int64_t{s} * g.in, (s + std::int64_t{1}) * g.in, columns.begin, columns.end);
        }
      } else {
        // Runs of columns that the same taps reach.
        for (int left = 0; left < out_width;) {
          const auto first = [&](int u) { return std::max(0, g.padding - u * g.stride); };
          const auto last = [&](int u) {
            return std::min(g.kernel, g.width + g.padding - u * g.stride);
          };
          int right = left + 1;
          while (right < out_width && first(right) == first(left) && last(right) == last(left)) {
            ++right;
          }
          segment(std::int64_t{first(left)} * g.in, std::int64_t{last(left)} * g.in, left, right);
          left = right;
        }
      }
    }
  }
}

/// dw = (accumulate ? dw : 0) + the weight gradient.
inline void weight_gradient(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                            const float* x, const float* dy, float* dw, bool accumulate) {
  const arena_frame scope(scratch);
  const gradient_tiles tiles(g);
  const std::int64_t rows = std::int64_t{g.kernel} * g.kernel * g.in, size = rows * g.out;
  float* const partial =
      tiles.shards == 1 ? dw : scratch.take<float>(static_cast<std::size_t>(tiles.shards * size));

  cpu::for_each_tile(pool, scratch, tiles.shards * tiles.blocks,
                     tiles.most_images * tiles.most_rows * g.out_width() * tiles.lanes,
                     [&](std::int64_t task, float* packed) {
                       const std::int64_t shard = task / tiles.blocks, block = task % tiles.blocks;
                       float* const mine = partial + shard * size;
                       if (tiles.shards > 1 || !accumulate) {
                         const std::int64_t lanes =
                             std::min(tiles.lanes, g.out - block * tiles.lanes);
                         for (std::int64_t j = 0; j < rows; ++j) {
                           std::fill_n(mine + j * g.out + block * tiles.lanes, lanes, 0.0f);
                         }
                       }
                       gradient_task(g, tiles, shard, block, x, dy, packed, mine);
                     });
  if (tiles.shards > 1) cpu::add_partial(pool, partial, tiles.shards, size, accumulate, dw);
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA::detail
