// triptych/backend/cpu/convolution/gather.hpp
//
// The kernel behind both convolutions that write feature maps, forward and backward to the data:
//
//   target[n, t, u, :] = sum over taps (r, s) of  source[n, row(t, r), column(u, s), :] · w[r, s]
//
// They differ only in which taps reach a target pixel and where they read (`axis`). A tap that
// would read padding, or that a stride skips, is not in the sum: nothing is multiplied by zero.
//
// A task takes a tile: some images, a band of target rows. It copies the source rows it needs into
// its working memory with the images innermost, so that neighbors in memory are the same pixel of
// different images, which share their taps:
//
//                                    column u-1        column u          column u+1
//      tile row  t-1    ...  | im0 im1 im2 ... | im0 im1 im2 ... | im0 im1 im2 ... | ...
//      tile row  t      ...  | im0 im1 im2 ... | im0 im1 im2 ... | im0 im1 im2 ... | ...
//      tile row  t+1    ...  | im0 im1 im2 ... | im0 im1 im2 ... | im0 im1 im2 ... | ...
//                                                  each of them `channels` contiguous floats
//
//      a run: target columns with the same taps (left edge | inside | right edge), all images;
//      a block: P neighbors of a run x V vectors of output channels, whose sums stay in registers
//      over all taps and channels:
//
//                 w[tap][c]  |---- V vectors ----|          for every tap, for every channel c:
//      pixel 0  x[c] ->      |  sum  sum  sum    |             P broadcasts, V loads,
//      pixel 1  x[c] ->      |  sum  sum  sum    |             P V multiply-adds
//      ...                   |                   |
//
// Weights are packed as panels [block of V vectors][chunk of channels][tap][channel][lane]: a panel
// is read from end to end by every block and stays in the second-level cache.
//
// Every number is one chain of multiply-adds over chunk, tap, channel: the same bits in whatever
// batch, tile, run or block its image is.
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

/// The taps that reach one target coordinate, and the source coordinates they read: tap
/// first + i step reads source + i source_step, i = 0 ... count - 1.
struct tap_range {
  int first = 0, step = 1, count = 0;
  int source = 0, source_step = 1;
};

/// One direction of a gather, rows or columns.
struct axis {
  int source = 1, target = 1;  ///< extents
  int kernel = 1, stride = 1, padding = 0;
  bool transposed = false;  ///< false: forward; true: backward, from outputs to inputs

  /// Targets this far apart have the same taps, except near the edges ...
  [[nodiscard]] constexpr int target_step() const { return transposed ? stride : 1; }
  /// ... and read this far apart.
  [[nodiscard]] constexpr int source_step() const { return transposed ? 1 : stride; }

  [[nodiscard]] constexpr tap_range taps(int t) const {
    if (!transposed) {  // source = t stride - padding + tap
      const int origin = t * stride - padding;
      const int first = std::max(0, -origin), end = std::min(kernel, source - origin);
      return {first, 1, std::max(0, end - first), origin + first, 1};
    }
    // t = source stride - padding + tap
    const int sum = t + padding;
    int first = std::max(0, sum - (source - 1) * stride);
    first += ((sum - first) % stride + stride) % stride;
    const int last = std::min(kernel - 1, sum);
    const int count = last < first ? 0 : (last - first) / stride + 1;
    return {first, stride, count, (sum - first) / stride, -1};
  }

  /// The source coordinates [first, second) that targets [begin, end) read.
  [[nodiscard]] constexpr std::pair<int, int> reads(int begin, int end) const {
    int low = source, high = 0;
    for (int t = begin; t < end; ++t) {
      const tap_range r = taps(t);
      if (r.count == 0) continue;
      const int last = r.source + (r.count - 1) * r.source_step;
      low = std::min({low, r.source, last});
      high = std::max({high, r.source + 1, last + 1});
    }
    return low < high ? std::pair{low, high} : std::pair{0, 0};
  }
};

struct gather_shape {
  std::int64_t images = 0;
  int channels = 1;  ///< of the source
  int out = 1;       ///< channels of the target
  axis rows, columns;

  [[nodiscard]] int taps() const { return rows.kernel * columns.kernel; }
};

/// Forward or, `transposed`, backward to the data.
constexpr gather_shape gather_of(const geometry& g, bool transposed) {
  const auto along = [&](int in, int out) {
    return axis{
        transposed ? out : in, transposed ? in : out, g.kernel, g.stride, g.padding, transposed};
  };
  return {g.images, transposed ? g.out : g.in, transposed ? g.in : g.out,
          along(g.height, g.out_height()), along(g.width, g.out_width())};
}

/// How the channels of a gather are blocked.
struct panels {
  int vectors = 1;         ///< of a block, at most
  std::int64_t lanes = 1;  ///< vectors x width
  std::int64_t blocks = 1, chunks = 1;

  explicit panels(const gather_shape& s) {
    const int needed = (s.out + simd::width - 1) / simd::width;
    blocks = cpu::shares(needed, simd::most_vectors);
    vectors = static_cast<int>((needed + blocks - 1) / blocks);
    lanes = std::int64_t{vectors} * simd::width;
    chunks =
        cpu::shares(s.channels, std::max<std::int64_t>(16, cpu::panel_floats / (s.taps() * lanes)));
  }
  /// Where the panel of block b and the chunk that begins at channel c starts.
  [[nodiscard]] std::int64_t begin(const gather_shape& s, std::int64_t b, std::int64_t c) const {
    return (b * s.channels + c) * s.taps() * lanes;
  }
  [[nodiscard]] std::int64_t size(const gather_shape& s) const { return begin(s, blocks, 0); }
};

/// Packs weights into panels: that of (tap, channel c, output o) is found at
/// w[tap channels out + c channel_stride + o out_stride].
inline const float* pack(thread_pool& pool, stack_arena<>& scratch, const gather_shape& s,
                         const panels& p, const float* w, std::int64_t channel_stride,
                         std::int64_t out_stride) {
  if (out_stride == 1 && p.lanes == s.out && p.chunks == 1) return w;  // already one panel
  float* const packed = scratch.take<float>(static_cast<std::size_t>(p.size(s)));
  pool.run(p.blocks * p.chunks, [&](std::int64_t task) {
    const std::int64_t block = task / p.chunks, chunk = task % p.chunks;
    const std::int64_t begin = cpu::share_begin(s.channels, p.chunks, chunk);
    const std::int64_t end = cpu::share_begin(s.channels, p.chunks, chunk + 1);
    const std::int64_t lanes = std::min(p.lanes, s.out - block * p.lanes);
    float* to = packed + p.begin(s, block, begin);
    for (std::int64_t tap = 0; tap < s.taps(); ++tap, to += (end - begin) * p.lanes) {
      const float* from =
          w + tap * s.channels * s.out + begin * channel_stride + block * p.lanes * out_stride;
      if (lanes < p.lanes) std::fill_n(to, (end - begin) * p.lanes, 0.0f);
      if (out_stride == 1) {
        for (std::int64_t c = 0; c < end - begin; ++c) {
          std::copy_n(from + c * channel_stride, lanes, to + c * p.lanes);
        }
      } else {
        // A transposition, in strips of rows that fit into the first-level cache.
        for (std::int64_t strip = 0; strip < end - begin; strip += 16) {
          const std::int64_t strip_end = std::min(end - begin, strip + 16);
          for (std::int64_t o = 0; o < lanes; ++o) {
            for (std::int64_t c = strip; c < strip_end; ++c) {
              to[c * p.lanes + o] = from[c * channel_stride + o * out_stride];
            }
          }
        }
      }
    }
  });
  return packed;
}

/// The operands of one block; offsets and pitches count floats.
struct gather_block {
  const float* source;                ///< the tile
  const std::int64_t* source_offset;  ///< of each pixel's first column
  tap_range rows, columns;
  std::int64_t row_step, column_step;  ///< from one tap to the next
  const float* weights;                ///< the panel
  int kernel, channels;
  float* target;
  const std::int64_t* target_offset;
  std::int64_t lanes;  ///< of the block that exist in the target
  bool add;
};

/// sum[p] += pixel[p][c ... c + Depth) times as many rows of weights.
template <int Depth, int Vectors, int Pixels>
[[gnu::always_inline]] inline void multiply_add(const array_of<const float*, Pixels>& pixel,
                                                std::int64_t c, const float* w,
                                                matrix_of<simd::vector, Pixels, Vectors>& sum) {
  matrix_of<simd::vector, Depth, Vectors> weight;
  TRIPTYCH_UNROLL
  for (int d = 0; d < Depth; ++d) {
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v)
      weight[d][v] = simd::load(w + (d * Vectors + v) * simd::width);
  }
  TRIPTYCH_UNROLL
  for (int p = 0; p < Pixels; ++p) {
    TRIPTYCH_UNROLL
    for (int d = 0; d < Depth; ++d) {
      const float x = pixel[p][c + d];
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[p][v] = simd::multiply_add(weight[d][v], x, sum[p][v]);
    }
  }
}

template <int Vectors, int Pixels>
void gather(const gather_block& b) {
  using namespace simd;
  constexpr int lanes = Vectors * width;
  // Channels at a time: narrow blocks keep a pixel's address in its register for longer.
  constexpr int depth = registers < 32 || Vectors > 2 ? 1 : 4 / Vectors;
  matrix_of<vector, Pixels, Vectors> sum;
  array_of<const float*, Pixels> pixel;
  TRIPTYCH_UNROLL
  for (int p = 0; p < Pixels; ++p) {
    pixel[p] = b.source + b.source_offset[p];
    const float* target = b.target + b.target_offset[p];
    array_of<float, lanes> part = {};
    if (b.add && b.lanes < lanes) {
      std::memcpy(part, target, static_cast<std::size_t>(b.lanes) * sizeof(float));
      target = part;
    }
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[p][v] = b.add ? load(target + v * width) : vector{};
  }

  for (int r = 0; r < b.rows.count; ++r) {
    for (int s = 0; s < b.columns.count; ++s) {
      const int tap =
          (b.rows.first + r * b.rows.step) * b.kernel + b.columns.first + s * b.columns.step;
      const float* w = b.weights + std::int64_t{tap} * b.channels * lanes;
      std::int64_t c = r * b.row_step + s * b.column_step;
      const std::int64_t end = c + b.channels;
      for (; c + depth <= end; c += depth, w += depth * lanes) {
        multiply_add<depth, Vectors, Pixels>(pixel, c, w, sum);
      }
      for (; c < end; ++c, w += lanes) multiply_add<1, Vectors, Pixels>(pixel, c, w, sum);
    }
  }

  TRIPTYCH_UNROLL
  for (int p = 0; p < Pixels; ++p) {
    float* const target = b.target + b.target_offset[p];
    if (b.lanes == lanes) {
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) store(sum[p][v], target + v * width);
    } else {
      array_of<float, lanes> part;
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) store(sum[p][v], part + v * width);
      std::memcpy(target, part, static_cast<std::size_t>(b.lanes) * sizeof(float));
    }
  }
}

/// gather<Vectors, pixels> for every number of pixels.
template <int Vectors>
void gather_pixels(int pixels, const gather_block& b) {
  static constexpr auto table = []<int... P>(std::integer_sequence<int, P...>) {
    return std::array{&gather<Vectors, P + 1>...};
  }
  (std::make_integer_sequence<int, simd::most_rows(Vectors)>{});
  table[static_cast<std::size_t>(pixels - 1)](b);
}

inline void gather_any(int vectors, int pixels, const gather_block& b) {
  switch (vectors) {
  case 1:
    return gather_pixels<1>(pixels, b);
  case 2:
    return gather_pixels<2>(pixels, b);
  case 3:
    return gather_pixels<std::min(3, simd::most_vectors)>(pixels, b);
  default:
    return gather_pixels<simd::most_vectors>(pixels, b);
  }
}

/// A run of target columns with the same taps: pixels [begin, end) of the offset tables.
struct column_run {
  tap_range taps;
  std::int64_t begin, end;
};

/// How the target is cut into tiles: by images first, then by rows, then by blocks of channels.
struct gather_tiles {
  std::int64_t groups = 1, bands = 1, splits = 1;
  std::int64_t most_images = 1;
  int most_source_rows = 1;

  gather_tiles(const gather_shape& s, const panels& p) {
    const std::int64_t row = std::int64_t{s.columns.source} * s.channels;
    const auto rows_read = [&](std::int64_t count) {
      int most = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const auto [low, high] = band_reads(s, count, i);
        most = std::max(most, high - low);
      }
      return most;
    };
    // Enough images to fill a register block at the edges, if four rows of them fit into a tile.
    const std::int64_t four = cpu::shares(s.rows.target, 4);
    const std::int64_t wanted = p.vectors == 1 ? 16 : 12;
    const std::int64_t fitting =
        cpu::tile_floats / std::max<std::int64_t>(1, row * rows_read(four));
    groups = cpu::shares(s.images, std::clamp<std::int64_t>(fitting, 1, wanted));
    most_images = cpu::shares(s.images, groups);
    while (bands < s.rows.target && row * most_images * rows_read(bands) > cpu::tile_floats)
      ++bands;
    most_source_rows = rows_read(bands);
    splits = std::min(p.blocks, cpu::shares(16, groups * bands));
  }

  [[nodiscard]] static std::pair<int, int> band_reads(const gather_shape& s, std::int64_t bands,
                                                      std::int64_t i) {
    return s.rows.reads(static_cast<int>(cpu::share_begin(s.rows.target, bands, i)),
                        static_cast<int>(cpu::share_begin(s.rows.target, bands, i + 1)));
  }
};

/// target = (accumulate ? target : 0) + the gather of source with w; strides of w as in `pack`.
inline void gather_all(thread_pool& pool, stack_arena<>& scratch, const gather_shape& s,
                       const float* source, const float* w, std::int64_t channel_stride,
                       std::int64_t out_stride, float* target, bool accumulate) {
  if (s.images == 0) return;
  const arena_frame scope(scratch);
  const panels p(s);
  const gather_tiles tiles(s, p);
  const float* const packed = pack(pool, scratch, s, p, w, channel_stride, out_stride);

  const std::int64_t tile_size =
      (tiles.most_images * tiles.most_source_rows * s.columns.source * s.channels + 15) / 16 * 16;
  const std::int64_t pixels = tiles.most_images * s.columns.target;
  const auto floats_of = [](std::int64_t bytes) { return (bytes + 63) / 64 * 16; };
  const std::int64_t table_size = floats_of(pixels * std::int64_t{sizeof(std::int64_t)});
  const std::int64_t run_size = floats_of(s.columns.target * std::int64_t{sizeof(column_run)});

  cpu::for_each_tile(
      pool, scratch, tiles.groups * tiles.bands * tiles.splits,
      tile_size + 2 * table_size + run_size, [&](std::int64_t task, float* memory) {
        const std::int64_t split = task % tiles.splits, band = task / tiles.splits % tiles.bands;
        const std::int64_t group = task / tiles.splits / tiles.bands;
        const std::int64_t image = cpu::share_begin(s.images, tiles.groups, group);
        const std::int64_t images = cpu::share_begin(s.images, tiles.groups, group + 1) - image;
        const auto [low, high] = gather_tiles::band_reads(s, tiles.bands, band);

        // The tile: source rows [low, high), images innermost.
        float* const tile = memory;
        const std::int64_t column_pitch = images * s.channels;
        const std::int64_t row_pitch = s.columns.source * column_pitch;
        for (std::int64_t i = 0; i < images; ++i) {
          const float* from =
              source + ((image + i) * s.rows.source + low) * s.columns.source * s.channels;
          float* to = tile + i * s.channels;
          for (int at = 0; at < (high - low) * s.columns.source; ++at) {
            int c = 0;
            for (; c + simd::width <= s.channels; c += simd::width) {
              simd::store(simd::load(from + c), to + c);
            }
            for (; c < s.channels; ++c) to[c] = from[c];
            from += s.channels;
            to += column_pitch;
          }
        }

        // The pixels of a target row in the order of their runs, and where each reads and writes.
        auto* const source_offset = reinterpret_cast<std::int64_t*>(memory + tile_size);
        auto* const target_offset =
            reinterpret_cast<std::int64_t*>(memory + tile_size + table_size);
        auto* const runs = reinterpret_cast<column_run*>(memory + tile_size + 2 * table_size);
        std::int64_t run_count = 0, pixel = 0;
        for (int start = 0; start < s.columns.target_step(); ++start) {
          for (int u = start; u < s.columns.target; u += s.columns.target_step()) {
            const tap_range taps = s.columns.taps(u);
            if (u == start || taps.first != runs[run_count - 1].taps.first ||
                taps.count != runs[run_count - 1].taps.count) {
              runs[run_count++] = {taps, pixel, pixel};
            }
            for (std::int64_t i = 0; i < images; ++i, ++pixel) {
              source_offset[pixel] = taps.source * column_pitch + i * s.channels;
              target_offset[pixel] = ((image + i) * s.rows.target * s.columns.target + u) * s.out;
            }
            runs[run_count - 1].end = pixel;
          }
        }

        const auto first_row = static_cast<int>(cpu::share_begin(s.rows.target, tiles.bands, band));
        const auto last_row =
            static_cast<int>(cpu::share_begin(s.rows.target, tiles.bands, band + 1));
        const std::int64_t last_block = cpu::share_begin(p.blocks, tiles.splits, split + 1);
        for (std::int64_t block = cpu::share_begin(p.blocks, tiles.splits, split);
             block < last_block; ++block) {
          const std::int64_t lanes = std::min(p.lanes, s.out - block * p.lanes);
          for (std::int64_t chunk = 0; chunk < p.chunks; ++chunk) {
            const std::int64_t c = cpu::share_begin(s.channels, p.chunks, chunk);
            for (int t = first_row; t < last_row; ++t) {
              gather_block b{};
              b.rows = s.rows.taps(t);
              b.source = tile + (b.rows.source - low) * row_pitch + c;
              b.row_step = b.rows.source_step * row_pitch;
              b.weights = packed + p.begin(s, block, c);
              b.kernel = s.columns.kernel;
              b.channels = static_cast<int>(cpu::share_begin(s.channels, p.chunks, chunk + 1) - c);
              b.target = target + std::int64_t{t} * s.columns.target * s.out + block * p.lanes;
              b.lanes = lanes;
              b.add = accumulate || chunk > 0;
              for (std::int64_t r = 0; r < run_count; ++r) {
                b.columns = runs[r].taps;
                b.column_step = b.columns.source_step * column_pitch;
                if (b.add && (b.rows.count == 0 || b.columns.count == 0)) continue;
                const std::int64_t length = runs[r].end - runs[r].begin;
                const std::int64_t count = cpu::shares(length, simd::most_rows(p.vectors));
                for (std::int64_t k = 0; k < count; ++k) {
                  const std::int64_t begin = cpu::share_begin(length, count, k);
                  const std::int64_t end = cpu::share_begin(length, count, k + 1);
                  b.source_offset = source_offset + runs[r].begin + begin;
                  b.target_offset = target_offset + runs[r].begin + begin;
                  gather_any(p.vectors, static_cast<int>(end - begin), b);
                }
              }
            }
          }
        }
      });
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA::detail
