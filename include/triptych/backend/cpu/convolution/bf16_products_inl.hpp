// triptych/backend/cpu/convolution/bf16_products_inl.hpp
//
// The bodies of bf16_products.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/backend/cpu/convolution/bf16_block.hpp>
#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/backend/cpu/convolution/gather.hpp>
#include <triptych/backend/cpu/convolution/weight_gradient.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/backend/cpu/transposition.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

namespace bf16_detail {

/// bf16 numbers of a task's working memory: half of a core's second-level cache of 2 MiB.
inline constexpr std::int64_t tile_numbers = std::int64_t{1} << 19;

inline void round_row(const float* from, std::int64_t n, bf16* to) {
  TRIPTYCH_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) to[i] = bf16(from[i]);
}

/// Two rows of 16 floats as pairs: to[2 j] = even[j], to[2 j + 1] = odd[j].
inline void round_pairs(const float* even, const float* odd, bf16* to) {
  TRIPTYCH_INDEPENDENT
  for (int j = 0; j < 16; ++j) {
    to[2 * j] = bf16(even[j]);
    to[2 * j + 1] = bf16(odd[j]);
  }
}

/// Weights as operands B, for 32 targets and all taps and channels after each other:
/// [32 targets][tap][32 channels]. w[tap][channel channel_stride + target target_stride].
inline const bf16* pack_weights(thread_pool& pool, stack_arena<>& scratch,
                                const detail::gather_shape& s, const float* w,
                                std::int64_t channel_stride, std::int64_t target_stride) {
  const std::int64_t depths = s.channels / block_side, targets = s.out / block_side;
  const std::int64_t tap_size = std::int64_t{s.channels} * s.out;
  bf16* const packed = scratch.take<bf16>(static_cast<std::size_t>(s.taps() * tap_size));
  pool.run(targets * s.taps(), [=](std::int64_t i) {
    const std::int64_t target = i / s.taps() * block_side, tap = i % s.taps();
    for (std::int64_t d = 0; d < depths; ++d) {
      bf16* const to = packed + (i * depths + d) * block_size;
      const float* const from =
          w + tap * tap_size + d * block_side * channel_stride + target * target_stride;
      if (target_stride == 1) {
        for (std::int64_t k = 0; k < block_side; k += 2) {
          const float* const even = from + k * channel_stride;
          for (std::int64_t j = 0; j < block_side; j += 16) {
            round_pairs(even + j, even + channel_stride + j, to + paired(k, j));
          }
        }
      } else {
        for (std::int64_t j = 0; j < block_side; ++j) {
          for (std::int64_t k = 0; k < block_side; ++k) {
            to[paired(k, j)] = bf16(from[k * channel_stride + j * target_stride]);
          }
        }
      }
    }
  });
  return packed;
}

/// How rows are cut into bands so that the `row_numbers` of each row that a band reads fit.
inline std::int64_t band_count(std::int64_t rows, std::int64_t row_numbers) {
  const std::int64_t fit = std::max<std::int64_t>(1, tile_numbers / row_numbers);
  return cpu::shares(rows, fit > 4 ? fit - 2 : fit);  // two rows beside a band's own
}

/// target = (accumulate ? target : 0) + the gather of gather.hpp, products in bf16.
template <class Block>
void gather(thread_pool& pool, stack_arena<>& scratch, const detail::gather_shape& s,
            const float* source, const float* w, std::int64_t channel_stride,
            std::int64_t target_stride, float* target, bool accumulate) {
  if (s.images == 0) return;
  const arena_frame scope(scratch);
  const bf16* const packed = pack_weights(pool, scratch, s, w, channel_stride, target_stride);
  const std::int64_t depths = s.channels / block_side;
  const std::int64_t pixel_size = depths * block_size, row_size = s.columns.source * pixel_size;
  const std::int64_t groups = cpu::shares(s.images, block_side),
                     bands = band_count(s.rows.target, row_size * s.rows.source_step());
  const auto reads = [&](std::int64_t band) {
    return s.rows.reads(static_cast<int>(cpu::share_begin(s.rows.target, bands, band)),
                        static_cast<int>(cpu::share_begin(s.rows.target, bands, band + 1)));
  };
  std::int64_t most_rows = 1;
  for (std::int64_t band = 0; band < bands; ++band) {
    const auto [low, high] = reads(band);
    most_rows = std::max<std::int64_t>(most_rows, high - low);
  }

  cpu::for_each_tile(
      pool, scratch, groups * bands, block_size + most_rows * row_size / 2,
      [&](std::int64_t task, float* memory) {
        float* const sums = memory;
        bf16* const tile = reinterpret_cast<bf16*>(memory + block_size);
        const std::int64_t image = task / bands * block_side, band = task % bands;
        const std::int64_t images = std::min<std::int64_t>(block_side, s.images - image);
        const auto [low, high] = reads(band);

        if (images < block_side) std::fill_n(tile, (high - low) * row_size, bf16(0.0f));
        for (std::int64_t n = 0; n < images; ++n) {
          const float* from = source + ((image + n) * s.rows.source + low) *
                                           std::int64_t{s.columns.source} * s.channels;
          bf16* to = tile + n * block_side;
          for (std::int64_t i = 0; i < (high - low) * s.columns.source * depths; ++i) {
            round_row(from, block_side, to);
            from += block_side;
            to += block_size;
          }
        }

        Block block;
        const auto first = static_cast<int>(cpu::share_begin(s.rows.target, bands, band));
        const auto end = static_cast<int>(cpu::share_begin(s.rows.target, bands, band + 1));
        for (std::int64_t o = 0; o < s.out / block_side; ++o) {
          const bf16* const panel = packed + o * s.taps() * pixel_size;
          for (int t = first; t < end; ++t) {
            const detail::tap_range rows = s.rows.taps(t);
            for (int u = 0; u < s.columns.target; ++u) {
              const detail::tap_range columns = s.columns.taps(u);
              block.clear();
              for (int i = 0; i < rows.count; ++i) {
                const std::int64_t row = (rows.source + i * rows.source_step - low) * row_size;
                const std::int64_t tap_row =
                    (rows.first + i * rows.step) * std::int64_t{s.columns.kernel};
                for (int j = 0; j < columns.count; ++j) {
                  const bf16* const a =
                      tile + row + (columns.source + j * columns.source_step) * pixel_size;
                  const bf16* const b =
                      panel + (tap_row + columns.first + j * columns.step) * pixel_size;
                  for (std::int64_t d = 0; d < pixel_size; d += block_size)
                    block.add_product(a + d, b + d);
                }
              }
              block.store(sums);
              const std::int64_t pixels = std::int64_t{s.rows.target} * s.columns.target;
              float* to =
                  target + (image * pixels + t * s.columns.target + u) * s.out + o * block_side;
              for (std::int64_t n = 0; n < images; ++n, to += pixels * s.out) {
                const float* const from = sums + n * block_side;
                TRIPTYCH_INDEPENDENT
                for (int c = 0; c < block_side; ++c) to[c] = accumulate ? to[c] + from[c] : from[c];
              }
            }
          }
        }
      });
}

/// How a weight gradient is cut, by shapes alone.
struct gradient_cut {
  std::int64_t groups, parts, shards, bands, most_rows;  ///< most_rows: of x, in a band
  std::int64_t x_row, dy_row;                            ///< numbers of a row of 32 images

  explicit gradient_cut(const geometry& g)
      : groups(cpu::shares(g.images, block_side)), parts(cpu::shares(g.out, 128)),
        shards(std::clamp<std::int64_t>(16 / parts, 1, groups)),
        x_row(std::int64_t{g.width} * g.in * block_side),
        dy_row(std::int64_t{g.out_width()} * cpu::shares(g.out / block_side, parts) * block_size) {
    bands = band_count(g.out_height(), g.stride * x_row + dy_row);
    most_rows =
        std::min<std::int64_t>(g.height, cpu::shares(g.out_height(), bands) * g.stride + g.kernel);
  }
};

/// Some rows of dy of up to 32 images, and the rows of x that they came from.
struct gradient_band {
  std::int64_t image, images;
  int first, end;  ///< rows of dy
  int low, high;   ///< rows of x

  gradient_band(const geometry& g, const gradient_cut& cut, std::int64_t group, std::int64_t band)
      : image(group * block_side), images(std::min<std::int64_t>(block_side, g.images - image)),
        first(static_cast<int>(cpu::share_begin(g.out_height(), cut.bands, band))),
        end(static_cast<int>(cpu::share_begin(g.out_height(), cut.bands, band + 1))),
        low(std::max(0, first * g.stride - g.padding)),
        high(std::min(g.height, (end - 1) * g.stride - g.padding + g.kernel)) {}
};

/// x of a band with the images innermost: operands A, 32 channels x 32 images. `pixel` has room for
/// one pixel of 32 images.
inline void lay_out_x(const geometry& g, const gradient_band& b, const float* x, float* pixel,
                      bf16* tile) {
  const std::int64_t size = std::int64_t{g.in} * block_side,
                     map = std::int64_t{g.height} * g.width * g.in;
  if (b.images < block_side) std::fill_n(pixel, size, 0.0f);
  const float* from = x + b.image * map + std::int64_t{b.low} * g.width * g.in;
  for (std::int64_t at = 0; at < std::int64_t{b.high - b.low} * g.width; ++at, from += g.in) {
    cpu::transpose(b.images, g.in, from, map, pixel, block_side);
    round_row(pixel, size, tile + at * size);
  }
}

/// `blocks` x 32 channels of dy of a band from `channel` on, in pairs of images: operands B, 32
/// images x 32 channels.
inline void lay_out_dy(const geometry& g, const gradient_band& b, std::int64_t channel,
                       std::int64_t blocks, const float* dy, bf16* tile) {
  const std::int64_t pixels = std::int64_t{b.end - b.first} * g.out_width();
  const std::int64_t map = std::int64_t{g.out_height()} * g.out_width() * g.out;
  if (b.images < block_side) std::fill_n(tile, pixels * blocks * block_size, bf16(0.0f));
  for (std::int64_t n = 0; n < b.images; n += 2) {
    const float* from =
        dy + (b.image + n) * map + std::int64_t{b.first} * g.out_width() * g.out + channel;
    bf16* to = tile + paired(n, 0);
    for (std::int64_t at = 0; at < pixels; ++at, from += g.out) {
      for (std::int64_t c = 0; c < blocks * block_side; c += 16, to += block_size / 2) {
        if (n + 1 < b.images) {
          round_pairs(from + c, from + map + c, to);
        } else {
          for (int j = 0; j < 16; ++j) to[2 * j] = bf16(from[c + j]);
        }
      }
    }
  }
}

/// Adds a band's products to sums[out block][tap][in block][32 x 32].
template <class Block>
void add_band(Block& block, const geometry& g, const gradient_band& b, std::int64_t out_blocks,
              const bf16* x_tile, const bf16* dy_tile, float* sums) {
  const std::int64_t in_blocks = g.in / block_side;
  const std::int64_t x_pixel = in_blocks * block_size, dy_pixel = out_blocks * block_size;
  for (std::int64_t o = 0; o < out_blocks; ++o) {
    for (int tap = 0; tap < g.kernel * g.kernel; ++tap) {
      const int r = tap / g.kernel, s = tap % g.kernel;
      const detail::reach rows(r, g.height, g.out_height(), g.stride, g.padding);
      const detail::reach columns(s, g.width, g.out_width(), g.stride, g.padding);
      for (std::int64_t i = 0; i < in_blocks; ++i, sums += block_size) {
        block.load(sums);
        for (int t = std::max(b.first, rows.begin); t < std::min(b.end, rows.end); ++t) {
          const std::int64_t x_at =
              std::int64_t{t * g.stride - g.padding + r - b.low} * g.width - g.padding + s;
          const bf16* x = x_tile + (x_at + columns.begin * g.stride) * x_pixel + i * block_size;
          const bf16* dy = dy_tile +
                           (std::int64_t{t - b.first} * g.out_width() + columns.begin) * dy_pixel +
                           o * block_size;
          for (int u = columns.begin; u < columns.end; ++u) {
            block.add_product(x, dy);
            x += g.stride * x_pixel;
            dy += dy_pixel;
          }
        }
        block.store(sums);
      }
    }
  }
}

/// dw = (accumulate ? dw : 0) + the weight gradient, products in bf16.
template <class Block>
void weight_gradient(thread_pool& pool, stack_arena<>& scratch, const geometry& g, const float* x,
                     const float* dy, float* dw, bool accumulate) {
  const arena_frame scope(scratch);
  const gradient_cut cut(g);
  const std::int64_t taps = std::int64_t{g.kernel} * g.kernel, size = taps * g.in * g.out;
  const std::int64_t in_blocks = g.in / block_side, out_blocks = g.out / block_side;
  const std::int64_t most_dy_rows = cpu::shares(g.out_height(), cut.bands);
  const std::int64_t pixel = std::int64_t{g.in} * block_side;  // one pixel of x, floats
  // Partial gradients block by block: [shard][out block][tap][in block][32 x 32].
  float* const partial = scratch.take<float>(static_cast<std::size_t>(cut.shards * size));

  cpu::for_each_tile(
      pool, scratch, cut.shards * cut.parts,
      pixel + (cut.most_rows * cut.x_row + most_dy_rows * cut.dy_row) / 2 + block_size,
      [&](std::int64_t task, float* memory) {
        const std::int64_t shard = task / cut.parts, part = task % cut.parts;
        const std::int64_t out_begin = cpu::share_begin(out_blocks, cut.parts, part);
        const std::int64_t out_count =
            cpu::share_begin(out_blocks, cut.parts, part + 1) - out_begin;
        const std::int64_t out_size = taps * in_blocks * block_size;  // of one out block
        float* const mine = partial + shard * size + out_begin * out_size;
        std::fill_n(mine, out_count * out_size, 0.0f);
        bf16* const x_tile = reinterpret_cast<bf16*>(memory + pixel);
        bf16* const dy_tile = x_tile + cut.most_rows * cut.x_row;
        Block block;
        for (std::int64_t group = cpu::share_begin(cut.groups, cut.shards, shard);
             group < cpu::share_begin(cut.groups, cut.shards, shard + 1); ++group) {
          for (std::int64_t i = 0; i < cut.bands; ++i) {
            const gradient_band band(g, cut, group, i);
            lay_out_x(g, band, x, memory, x_tile);
            lay_out_dy(g, band, out_begin * block_side, out_count, dy, dy_tile);
            add_band(block, g, band, out_count, x_tile, dy_tile, mine);
          }
        }
      });

  // The sum of the shards, out of blocks into rows of dw.
  pool.run(out_blocks * taps * in_blocks, [&](std::int64_t i) {
    const std::int64_t o = i / (taps * in_blocks), tap = i / in_blocks % taps, in = i % in_blocks;
    cpu::sum_partial(partial, cut.shards, size, i * block_size, (i + 1) * block_size);
    const float* const sums = partial + i * block_size;
    for (std::int64_t c = 0; c < block_side; ++c) {
      float* const to = dw + ((tap * g.in) + in * block_side + c) * g.out + o * block_side;
      for (std::int64_t j = 0; j < block_side; ++j) {
        to[j] = accumulate ? to[j] + sums[c * block_side + j] : sums[c * block_side + j];
      }
    }
  });
}

}  // namespace bf16_detail

// `takes` cannot name block_side: the header of the blocks costs too much for every program.
static_assert(bf16_products<>::takes({.in = block_side, .out = block_side}) &&
              !bf16_products<>::takes({.in = block_side / 2, .out = block_side}) &&
              !bf16_products<>::takes({.in = block_side, .out = block_side / 2}));

template <class Block>
bool bf16_products<Block>::available() {
  return Block::available();
}

template <class Block>
void bf16_products<Block>::need() {
  if (Block::available()) return;
  throw error::usage("convolutions in bf16 need a processor with AMX and a build for it "
                     "(TRIPTYCH_ARCH=native there); "
                     "take `convolution` fast, for a run that goes on in a new one");
}

template <class Block>
void bf16_products<Block>::forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                                   const float* x, const float* w, float* y) {
  if (!takes(g)) return fast::forward(pool, scratch, g, x, w, y);
  need();
  bf16_detail::gather<Block>(pool, scratch, detail::gather_of(g, false), x, w, g.out, 1, y, false);
}

template <class Block>
void bf16_products<Block>::backward_data(thread_pool& pool, stack_arena<>& scratch,
                                         const geometry& g, const float* dy, const float* w,
                                         float* dx, bool accumulate) {
  if (!takes(g)) return fast::backward_data(pool, scratch, g, dy, w, dx, accumulate);
  need();
  bf16_detail::gather<Block>(pool, scratch, detail::gather_of(g, true), dy, w, 1, g.out, dx,
                             accumulate);
}

template <class Block>
void bf16_products<Block>::backward_weights(thread_pool& pool, stack_arena<>& scratch,
                                            const geometry& g, const float* x, const float* dy,
                                            float* dw, bool accumulate) {
  if (!takes(g)) return fast::backward_weights(pool, scratch, g, x, dy, dw, accumulate);
  need();
  bf16_detail::weight_gradient<Block>(pool, scratch, g, x, dy, dw, accumulate);
}

#ifdef TRIPTYCH_COMPILED
template struct bf16_products<amx_block>;
template struct bf16_products<loop_block>;
#endif

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
