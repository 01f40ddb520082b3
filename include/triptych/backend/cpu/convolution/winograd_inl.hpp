// triptych/backend/cpu/convolution/winograd_inl.hpp
//
// The bodies of winograd.hpp.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

#include <triptych/backend/cpu/convolution/algorithm.hpp>
#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/backend/cpu/convolution/winograd/panels.hpp>
#include <triptych/backend/cpu/convolution/winograd/strided.hpp>
#include <triptych/backend/cpu/convolution/winograd/transform.hpp>
#include <triptych/backend/cpu/micro_kernel.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/backend/cpu/transposition.hpp>
#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>
#include <triptych/core/operands.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

namespace winograd_detail {

/// The most floats of U that are worth reading once per block of tiles.
inline constexpr std::int64_t most_streamed = 36 * 128 * 320;
/// Floats of V and products: of a block, which is to stay in the second-level cache, and of a
/// sweep.
inline constexpr std::int64_t block_floats = cpu::tile_floats, sweep_floats = 4 * 1024 * 1024;
/// Tiles that a task of a sweep takes.
inline constexpr std::int64_t sweep_rows = 96;

/// The extents of a batch's maps.
struct extents {
  int height, width, channels;
  [[nodiscard]] std::int64_t size() const { return std::int64_t{height} * width * channels; }
};

/// The addresses of Side x Side pixels of a map (height, width, channels) from (row, column) on;
/// `outside` for those beyond its edges.
template <int Side, class Real>
void square(Real* map, int height, int width, int channels, int row, int column, Real* outside,
            array_of<Real*, Side * Side>& pixel) {
  for (int i = 0; i < Side; ++i) {
    for (int j = 0; j < Side; ++j) {
      const int y = row + i, x = column + j;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      pixel[i * Side + j] = inside ? map + (std::int64_t{y} * width + x) * channels : outside;
    }
  }
}

inline extents large(const geometry& g) { return {g.height, g.width, g.in}; }
inline extents small(const geometry& g) { return {g.out_height(), g.out_width(), g.out}; }

inline float* take(stack_arena<>& scratch, std::int64_t floats) {
  return scratch.take<float>(static_cast<std::size_t>(floats));
}

/// How many tiles a block takes when each needs `floats` numbers.
inline std::int64_t block_rows(std::int64_t floats) {
  return std::max<std::int64_t>(24, block_floats / floats / 12 * 12);
}

/// Both maps of a convolution, cut into tiles: image by image, row by row.
template <class Way>
struct maps {
  static constexpr int results = Way::results, points = Way::products * Way::products;
  static constexpr int distinct = Way::distinct * Way::distinct;

  std::int64_t images;
  extents source, target;
  int offset;  ///< of a tile's first source pixel, both ways
  std::int64_t rows, columns;
  cpu::column_panels in, out;
  const float* zeros;

  maps(stack_arena<>& scratch, std::int64_t images_, const extents& source_, const extents& target_,
       int offset_)
      : images(images_), source(source_), target(target_), offset(offset_),
        rows(cpu::shares(target.height, results)), columns(cpu::shares(target.width, results)),
        in(source.channels), out(target.channels) {
    const std::int64_t size = std::max(source.channels, target.channels);
    float* const z = take(scratch, size);
    std::fill_n(z, size, 0.0f);
    zeros = z;
  }

  [[nodiscard]] std::int64_t tiles() const { return images * rows * columns; }

  /// Which weights a product's point takes, and whether an earlier point takes the same.
  static constexpr int weight(int point) {
    return Way::weight(point / Way::products) * Way::distinct + Way::weight(point % Way::products);
  }
  static constexpr bool repeats(int point) {
    const auto again = [](int p) { return p > 0 && Way::weight(p) == Way::weight(p - 1); };
    return again(point / Way::products) || again(point % Way::products);
  }

  /// The square of tile `i` in one of the maps; its origins are `step` apart.
  template <int Side, class Real>
  void square(Real* map, const extents& e, std::int64_t i, int step, int from, Real* outside,
              array_of<Real*, Side * Side>& pixel) const {
    winograd_detail::square<Side, Real>(
        map + i / (rows * columns) * e.size(), e.height, e.width, e.channels,
        static_cast<int>(i / columns % rows) * step + from,
        static_cast<int>(i % columns) * step + from, outside, pixel);
  }

  /// V of tiles [begin, begin + count) to the rows from `row` on.
  void sources(const normalized_map<float>& x, std::int64_t begin, std::int64_t count,
               const panel_shape& s, float* data, std::int64_t row) const {
    const auto with = [&](const auto& reader_of) {
      for (std::int64_t i = 0; i < count; ++i) {
        const float* pixel[Way::sources * Way::sources];
        square<Way::sources>(x.x, source, begin + i, Way::source_step, offset, zeros, pixel);
        into_panels<Way::sources, Way::products>(
            [](const auto& d, auto& v) __attribute__((always_inline)) { Way::input(d, v); },
            reader_of(begin + i), pixel, source.channels, s, data, row + i);
      }
    };
    if constexpr (Way::source_step == Way::results) {  // stride 1
      if (x.factor != nullptr) {
        return with([&](std::int64_t tile) {
          const std::int64_t at = tile / (rows * columns) / x.images * source.channels;
          return normalizing{x.factor + at, x.shift + at, zeros};
        });
      }
    }
    assert(x.factor == nullptr && "ask reads_normalized first");
    with([](std::int64_t) { return as_it_is{}; });
  }

  /// Z of tiles [begin, begin + count) to the rows from `row` on.
  void gradients(const float* dy, std::int64_t begin, std::int64_t count, const panel_shape& s,
                 float* data, std::int64_t row) const {
    for (std::int64_t i = 0; i < count; ++i) {
      array_of<const float*, results * results> pixel;
      square<results>(dy, target, begin + i, results, 0, zeros, pixel);
      into_panels<results, Way::products>(
          [](const auto& y, auto& z) __attribute__((always_inline)) { Way::output_adjoint(y, z); },
          as_it_is{}, pixel, target.channels, s, data, row + i);
    }
  }

  /// The results of tiles [begin, begin + count), channels [first, first + channels), from the
  /// products in the rows from `row` on. The map does not fit into a cache: the next tile's lines
  /// are asked for while this one is transformed.
  void put(const panel_shape& s, const float* data, std::int64_t row, std::int64_t begin,
           std::int64_t count, std::int64_t first, std::int64_t channels, bool add,
           float* y) const {
    const auto targets = [&](std::int64_t i, array_of<float*, results * results>& pixel) {
      square<results, float>(y + first, target, i, results, 0, nullptr, pixel);
    };
    for (std::int64_t i = 0; i < count; ++i) {
      array_of<float*, results * results> pixel;
      targets(std::min(begin + i + 1, begin + count - 1), pixel);
      for (const float* p : pixel) {
        constexpr int line = 16;
        for (std::int64_t c = 0; p != nullptr && c < channels; c += line) {
          __builtin_prefetch(p + c, 1);
        }
      }
      targets(begin + i, pixel);
      from_panels<Way::products, results>(
          [](const auto& m, auto& r) __attribute__((always_inline)) { Way::output(m, r); }, s, data,
          row + i, channels, pixel, add);
    }
  }
};

/// products[point][panel][row ...] = V[point] U[its weights], for `count` rows. `after` is the panel
/// of weights that follows.
template <class Way>
void inner(const maps<Way>& m, const panel_shape& v, const float* v_data, std::int64_t row,
           std::int64_t count, const panel_shape& u, const float* u_data, int point,
           std::int64_t panel, const float* after, float* to) {
  for (std::int64_t k = 0; k < v.columns.count; ++k) {
    const std::int64_t first = k * v.columns.lanes;
    const float* const weights = u_data + u.at(m.weight(point), panel, first);
    const bool last = k + 1 == v.columns.count;
    cpu::multiply_rows(u.columns.vectors, count,
                       {v_data + v.at(point, k, row), v.columns.lanes, 1, weights, to,
                        u.columns.lanes, std::min(v.columns.lanes, m.source.channels - first),
                        k > 0, last ? after : weights + v.columns.lanes * u.columns.lanes});
  }
}

/// sum[weights of the point][panels] (+)= V[point]ᵀ Z[point] over `count` rows.
template <class Way>
void outer(const maps<Way>& m, const panel_shape& v, const float* v_data, const panel_shape& z,
           const float* z_data, int point, std::int64_t panel, std::int64_t panel_end,
           std::int64_t count, const panel_shape& s, float* sum, bool add) {
  for (; panel < panel_end; ++panel) {
    for (std::int64_t k = 0; k < v.columns.count; ++k) {
      const std::int64_t first = k * v.columns.lanes;
      cpu::multiply_rows(s.columns.vectors, std::min(v.columns.lanes, m.source.channels - first),
                         {v_data + v.at(point, k, 0), 1, v.columns.lanes,
                          z_data + z.at(point, panel, 0), sum + s.at(m.weight(point), panel, first),
                          s.columns.lanes, count, add || m.repeats(point)});
    }
  }
}

/// w (3,3,in,out) -> (3,3,out,in), turned by 180°.
inline void turn(thread_pool& pool, const geometry& g, const float* w, float* turned) {
  const std::int64_t strips = cpu::shares(g.in, 64);
  pool.run(9 * strips, [&](std::int64_t task) {
    const std::int64_t tap = task / strips, begin = task % strips * 64;
    cpu::transpose(std::min<std::int64_t>(64, g.in - begin), g.out,
                   w + (tap * g.in + begin) * g.out, g.out,
                   turned + (8 - tap) * g.in * g.out + begin, g.in);
  });
}

/// dw of input channels [begin, end) from the sums at the points.
template <class Way>
void from_points(const maps<Way>& m, const panel_shape& s, const float* sum, std::int64_t begin,
                 std::int64_t end, bool add, float* dw) {
  const std::int64_t in = m.source.channels, out = m.target.channels;
  for (std::int64_t c = begin; c < end; ++c) {
    float* tap[9];
    for (int t = 0; t < 9; ++t) tap[t] = dw + (t * in + c) * out;
    from_panels<Way::distinct, 3>(
        [](const auto& u, auto& w) __attribute__((always_inline)) { Way::weights_adjoint(u, w); },
        s, sum, c, out, tap, add);
  }
}

/// y (+)= the convolution of x with w.
template <class Way>
void run(thread_pool& pool, stack_arena<>& scratch, const maps<Way>& m,
         const normalized_map<float>& x, const float* w, bool add, float* y) {
  const std::int64_t in = m.source.channels, out = m.target.channels, tiles = m.tiles();
  const panel_shape u(in, out);
  float* const u_data = take(scratch, u.size(m.distinct));
  pool.run(cpu::shares(in, 8), [&](std::int64_t task) {
    for (std::int64_t c = task * 8; c < std::min(in, task * 8 + 8); ++c) {
      const float* tap[9];
      for (int t = 0; t < 9; ++t) tap[t] = w + (t * in + c) * out;
      into_panels<3, Way::distinct>(
          [](const auto& from, auto& to) __attribute__((always_inline)) { Way::weights(from, to); },
          as_it_is{}, tap, out, u, u_data, c);
    }
  });
  if (u.size(m.distinct) > most_streamed) {
    sweeps(pool, scratch, m, x, u, u_data, add, y);
    return;
  }
  const std::int64_t blocks =
      cpu::shares(tiles, block_rows(m.points * (m.in.size() + m.out.lanes)));
  const std::int64_t most = cpu::shares(tiles, blocks);
  cpu::column_panels one = m.out;
  one.count = 1;
  const panel_shape v(most, m.in), product(most, one);
  cpu::for_each_tile(
      pool, scratch, blocks, v.size(m.points) + product.size(m.points),
      [&](std::int64_t block, float* memory) {
        float* const to = memory + v.size(m.points);
        const std::int64_t begin = cpu::share_begin(tiles, blocks, block);
        const std::int64_t count = cpu::share_begin(tiles, blocks, block + 1) - begin;
        m.sources(x, begin, count, v, memory, 0);
        for (std::int64_t panel = 0; panel < m.out.count; ++panel) {
          for (int point = 0; point < m.points; ++point) {
            const bool last = point + 1 == m.points;
            inner(m, v, memory, 0, count, u, u_data, point, panel,
                  u_data + u.at(m.weight(last ? 0 : point + 1), last ? panel + 1 : panel, 0),
                  to + product.at(point, 0, 0));
          }
          const std::int64_t first = panel * m.out.lanes;
          m.put(product, to, 0, begin, count, first, std::min(m.out.lanes, out - first), add, y);
        }
      });
}

/// dw = (accumulate ? dw : 0) + the weight gradient.
template <class Way>
void gradient(thread_pool& pool, stack_arena<>& scratch, const maps<Way>& m,
              const normalized_map<float>& x, const float* dy, float* dw, bool accumulate) {
  const std::int64_t in = m.source.channels, out = m.target.channels, tiles = m.tiles();
  const panel_shape products(in, out);
  const std::int64_t size = 9 * in * out;
  if (products.size(m.distinct) > most_streamed) {
    float* const sum = take(scratch, products.size(m.distinct));
    sweep_gradient(pool, scratch, m, products, x, dy, sum);
    pool.run(cpu::shares(in, 16), [&](std::int64_t task) {
      from_points(m, products, sum, task * 16, std::min(in, task * 16 + 16), accumulate, dw);
    });
    return;
  }
  // Shards of tiles, each a block after the other, end in partial gradients.
  const std::int64_t most = block_rows(m.points * (m.in.size() + m.out.size()));
  const std::int64_t shards = std::clamp<std::int64_t>(tiles / most, 1, in * out > 5000 ? 8 : 16);
  float* const partial = take(scratch, shards * size);
  const panel_shape v(most, m.in), z(most, m.out);
  cpu::for_each_tile(
      pool, scratch, shards, v.size(m.points) + z.size(m.points) + products.size(m.distinct),
      [&](std::int64_t shard, float* memory) {
        float* const z_data = memory + v.size(m.points);
        float* const sum = z_data + z.size(m.points);
        const std::int64_t begin = cpu::share_begin(tiles, shards, shard);
        const std::int64_t in_shard = cpu::share_begin(tiles, shards, shard + 1) - begin;
        const std::int64_t blocks = cpu::shares(in_shard, most);
        for (std::int64_t i = 0; i < blocks; ++i) {
          const std::int64_t from = begin + cpu::share_begin(in_shard, blocks, i);
          const std::int64_t count = begin + cpu::share_begin(in_shard, blocks, i + 1) - from;
          m.sources(x, from, count, v, memory, 0);
          m.gradients(dy, from, count, z, z_data, 0);
          for (int point = 0; point < m.points; ++point) {
            outer(m, v, memory, z, z_data, point, 0, m.out.count, count, products, sum, i > 0);
          }
        }
        from_points(m, products, sum, 0, in, false, partial + shard * size);
      });
  cpu::add_partial(pool, partial, shards, size, accumulate, dw);
}

/// Calls body(first tile, count) for sweeps that together take all tiles.
template <class Way, class Body>
void each_sweep(const maps<Way>& m, const Body& body) {
  const std::int64_t tiles = m.tiles(), count = cpu::shares(tiles, most_swept(m));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = cpu::share_begin(tiles, count, i);
    body(begin, cpu::share_begin(tiles, count, i + 1) - begin);
  }
}
template <class Way>
std::int64_t most_swept(const maps<Way>& m) {
  const std::int64_t most =
      std::max<std::int64_t>(96, sweep_floats / (m.points * (m.in.size() + m.out.size())));
  return cpu::shares(m.tiles(), cpu::shares(m.tiles(), most));
}

template <class Way>
void sweeps(thread_pool& pool, stack_arena<>& scratch, const maps<Way>& m,
            const normalized_map<float>& x, const panel_shape& u, const float* u_data, bool add,
            float* y) {
  const panel_shape v(most_swept(m), m.in), product(v.rows, m.out);
  float* const v_data = take(scratch, v.size(m.points));
  float* const to = take(scratch, product.size(m.points));
  each_sweep(m, [&](std::int64_t begin, std::int64_t count) {
    pool.run(cpu::shares(count, 8), [&](std::int64_t task) {
      m.sources(x, begin + task * 8, std::min<std::int64_t>(8, count - task * 8), v, v_data,
                task * 8);
    });
    const std::int64_t parts = cpu::shares(count, sweep_rows);
    pool.run(m.points * parts, [&](std::int64_t task) {
      const int point = static_cast<int>(task / parts);
      const std::int64_t row = cpu::share_begin(count, parts, task % parts);
      const std::int64_t rows = cpu::share_begin(count, parts, task % parts + 1) - row;
      for (std::int64_t panel = 0; panel < m.out.count; ++panel) {
        inner(m, v, v_data, row, rows, u, u_data, point, panel,
              u_data + u.at(m.weight(point), panel + 1, 0), to + product.at(point, panel, row));
      }
    });
    pool.run(cpu::shares(count, 8), [&](std::int64_t task) {
      m.put(product, to, task * 8, begin + task * 8, std::min<std::int64_t>(8, count - task * 8), 0,
            m.target.channels, add, y);
    });
  });
}

template <class Way>
void sweep_gradient(thread_pool& pool, stack_arena<>& scratch, const maps<Way>& m,
                    const panel_shape& products, const normalized_map<float>& x, const float* dy,
                    float* sum) {
  const panel_shape v(most_swept(m), m.in), z(v.rows, m.out);
  float* const v_data = take(scratch, v.size(m.points));
  float* const z_data = take(scratch, z.size(m.points));
  each_sweep(m, [&](std::int64_t begin, std::int64_t count) {
    pool.run(cpu::shares(count, 8), [&](std::int64_t task) {
      const std::int64_t rows = std::min<std::int64_t>(8, count - task * 8);
      m.sources(x, begin + task * 8, rows, v, v_data, task * 8);
      m.gradients(dy, begin + task * 8, rows, z, z_data, task * 8);
    });
    // Points that share their weights add to the same sum: one task takes them all.
    pool.run(m.distinct * m.out.count, [&](std::int64_t task) {
      const std::int64_t panel = task % m.out.count;
      for (int point = 0; point < m.points; ++point) {
        if (m.weight(point) != task / m.out.count) continue;
        outer(m, v, v_data, z, z_data, point, panel, panel + 1, count, products, sum, begin > 0);
      }
    });
  });
}

}  // namespace winograd_detail

template <int M>
void winograd<M>::forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                          const normalized_map<float>& x, const float* w, float* y) {
  using namespace winograd_detail;
  if (!takes(g)) return direct::forward(pool, scratch, g, plain(x), w, y);
  const arena_frame scope(scratch);
  if (g.stride == 1) {
    run(pool, scratch, maps<transform<M>>(scratch, g.images, large(g), small(g), -g.padding), x, w,
        false, y);
  } else {
    run(pool, scratch, maps<strided_forward>(scratch, g.images, large(g), small(g), -1), x, w,
        false, y);
  }
}

template <int M>
void winograd<M>::backward_data(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                                const float* dy, const float* w, float* dx, bool accumulate) {
  using namespace winograd_detail;
  if (!takes(g)) return direct::backward_data(pool, scratch, g, dy, w, dx, accumulate);
  const arena_frame scope(scratch);
  float* const turned = take(scratch, std::int64_t{9} * g.in * g.out);
  turn(pool, g, w, turned);
  if (g.stride == 1) {
    run(pool, scratch, maps<transform<M>>(scratch, g.images, small(g), large(g), g.padding - 2), dy,
        turned, accumulate, dx);
  } else {
    run(pool, scratch, maps<strided_backward>(scratch, g.images, small(g), large(g), 0), dy, turned,
        accumulate, dx);
  }
}

template <int M>
void winograd<M>::backward_weights(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                                   const normalized_map<float>& x, const float* dy, float* dw,
                                   bool accumulate) {
  using namespace winograd_detail;
  if (!takes(g)) return direct::backward_weights(pool, scratch, g, plain(x), dy, dw, accumulate);
  const arena_frame scope(scratch);
  if (g.stride == 1) {
    gradient(pool, scratch, maps<transform<M>>(scratch, g.images, large(g), small(g), -g.padding),
             x, dy, dw, accumulate);
  } else {
    gradient(pool, scratch, maps<strided_forward>(scratch, g.images, large(g), small(g), -1), x, dy,
             dw, accumulate);
  }
}

#ifdef TRIPTYCH_COMPILED
template struct winograd<2>;
template struct winograd<4>;
#endif

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
