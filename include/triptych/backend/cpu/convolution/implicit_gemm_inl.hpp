// triptych/backend/cpu/convolution/implicit_gemm_inl.hpp
//
// The bodies of implicit_gemm.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include <Eigen/Core>

#include <triptych/backend/cpu/convolution/implicit_gemm.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

namespace unfolding {

using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using matrix = Eigen::Map<row_major>;
using const_matrix = Eigen::Map<const row_major>;

inline std::int64_t patch(const geometry& g) { return std::int64_t{g.kernel} * g.kernel * g.in; }
inline std::int64_t pixels(const geometry& g) {
  return std::int64_t{g.out_height()} * g.out_width();
}
inline std::int64_t tiles_of_image(const geometry& g) {
  return cpu::shares(pixels(g), std::max<std::int64_t>(16, cpu::tile_floats / patch(g)));
}

/// Result pixels [begin, end) of one image.
struct tile {
  std::int64_t image, begin, end;
  tile(const geometry& g, std::int64_t tiles, std::int64_t i)
      : image(i / tiles), begin(cpu::share_begin(pixels(g), tiles, i % tiles)),
        end(cpu::share_begin(pixels(g), tiles, i % tiles + 1)) {}
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Calls visit(p, at) for every pixel and tap of the tile, in order: `p` is where its channels
/// start in the patch matrix, `at` where they start in the image, or -1 on padding.
template <class Visit>
void for_each_tap(const geometry& g, const tile& t, const Visit& visit) {
  std::int64_t p = 0;
  for (std::int64_t pixel = t.begin; pixel < t.end; ++pixel) {
    const auto top = static_cast<int>(pixel / g.out_width()) * g.stride - g.padding;
    const auto left = static_cast<int>(pixel % g.out_width()) * g.stride - g.padding;
    for (int row = top; row < top + g.kernel; ++row) {
      for (int column = left; column < left + g.kernel; ++column, p += g.in) {
        const bool inside = row >= 0 && row < g.height && column >= 0 && column < g.width;
        visit(p, inside ? ((t.image * g.height + row) * g.width + column) * g.in : -1);
      }
    }
  }
}

inline void unfold(const geometry& g, const tile& t, const float* x, float* patches) {
  for_each_tap(g, t, [&](std::int64_t p, std::int64_t at) {
    if (at < 0) {
      std::fill_n(patches + p, g.in, 0.0f);
    } else {
      std::copy_n(x + at, g.in, patches + p);
    }
  });
}

inline void fold(const geometry& g, const tile& t, const float* patches, float* dx) {
  for_each_tap(g, t, [&](std::int64_t p, std::int64_t at) {
    if (at < 0) return;
    for (int c = 0; c < g.in; ++c) dx[at + c] += patches[p + c];
  });
}

}  // namespace unfolding

TRIPTYCH_INLINE void implicit_gemm::forward(thread_pool& pool, stack_arena<>& scratch,
                                            const geometry& g, const float* x, const float* w,
                                            float* y) {
  using namespace unfolding;
  fix_eigen_blocking();
  const arena_frame scope(scratch);
  const const_matrix weights(w, patch(g), g.out);
  const std::int64_t tiles = tiles_of_image(g), most = cpu::shares(pixels(g), tiles);
  cpu::for_each_tile(
      pool, scratch, g.images * tiles, most * patch(g), [&](std::int64_t i, float* p) {
        const tile t(g, tiles, i);
        unfold(g, t, x, p);
        matrix(y + (t.image * pixels(g) + t.begin) * g.out, t.size(), g.out).noalias() =
            const_matrix(p, t.size(), patch(g)) * weights;
      });
}

TRIPTYCH_INLINE void implicit_gemm::backward_data(thread_pool& pool, stack_arena<>& scratch,
                                                  const geometry& g, const float* dy,
                                                  const float* w, float* dx, bool accumulate) {
  using namespace unfolding;
  fix_eigen_blocking();
  const arena_frame scope(scratch);
  const const_matrix weights(w, patch(g), g.out);
  const std::int64_t tiles = tiles_of_image(g), most = cpu::shares(pixels(g), tiles);
  const std::int64_t image_size = std::int64_t{g.height} * g.width * g.in;
  cpu::for_each_tile(pool, scratch, g.images, most * patch(g), [&](std::int64_t image, float* p) {
    if (!accumulate) std::fill_n(dx + image * image_size, image_size, 0.0f);
    for (std::int64_t i = 0; i < tiles; ++i) {
      const tile t(g, tiles, image * tiles + i);
      matrix(p, t.size(), patch(g)).noalias() =
          const_matrix(dy + (image * pixels(g) + t.begin) * g.out, t.size(), g.out) *
          weights.transpose();
      fold(g, t, p, dx);
    }
  });
}

TRIPTYCH_INLINE void implicit_gemm::backward_weights(thread_pool& pool, stack_arena<>& scratch,
                                                     const geometry& g, const float* x,
                                                     const float* dy, float* dw, bool accumulate) {
  using namespace unfolding;
  fix_eigen_blocking();
  const arena_frame scope(scratch);
  const std::int64_t tiles = tiles_of_image(g), most = cpu::shares(pixels(g), tiles);
  const std::int64_t shards = cpu::shares(g.images, cpu::shares(g.images, 8));
  const std::int64_t size = patch(g) * g.out;
  float* const partial = scratch.take<float>(static_cast<std::size_t>(shards * size));
  cpu::for_each_tile(pool, scratch, shards, most * patch(g), [&](std::int64_t shard, float* p) {
    matrix sum(partial + shard * size, patch(g), g.out);
    sum.setZero();
    const std::int64_t end = cpu::share_begin(g.images, shards, shard + 1) * tiles;
    for (std::int64_t i = cpu::share_begin(g.images, shards, shard) * tiles; i < end; ++i) {
      const tile t(g, tiles, i);
      unfold(g, t, x, p);
      sum.noalias() += const_matrix(p, t.size(), patch(g)).transpose() *
                       const_matrix(dy + (t.image * pixels(g) + t.begin) * g.out, t.size(), g.out);
    }
  });
  matrix total(dw, patch(g), g.out);
  if (!accumulate) total.setZero();
  for (std::int64_t s = 0; s < shards; ++s) {
    total += const_matrix(partial + s * size, patch(g), g.out);
  }
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
