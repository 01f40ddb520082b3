// triptych/backend/convolution/implicit_gemm.hpp
//
// Convolution as matrix products, a tile of result pixels at a time: the patches that a tile reads
// are laid out as a matrix (im2col) small enough for the cache, and Eigen multiplies. The simple
// second algorithm, there to check the first.
//
//   P[p, (r,s,c)] = x[pixel p, tap (r,s), channel c], zero on padding     patches of a tile
//   forward           Y  = P W
//   backward_data     P' = dY Wᵀ, and every P'[p, (r,s,c)] is added to the pixel it came from
//   backward_weights  dW = sum over tiles of Pᵀ dY
//
// Same bits for any number of threads. Cost: products with padding are computed; a patch matrix is
// written and read once per pass.
#pragma once

#include <algorithm>
#include <cstdint>

#include <Eigen/Core>

#include <triptych/backend/convolution/geometry.hpp>
#include <triptych/backend/convolution/tiles.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution {

struct implicit_gemm {
  /// x (N,H,W,in), w (kernel,kernel,in,out) -> y (N,H',W',out), overwritten.
  template <class Arena>
  static void forward(thread_pool& pool, Arena& scratch, const geometry& g, const float* x,
                      const float* w, float* y) {
    const typename Arena::frame scope(scratch);
    const const_matrix weights(w, patch(g), g.out);
    const std::int64_t tiles = tiles_of_image(g), most = shares(pixels(g), tiles);
    for_each_tile(pool, scratch, g.images * tiles, most * patch(g), [&](std::int64_t i, float* p) {
      const tile t(g, tiles, i);
      unfold(g, t, x, p);
      matrix(y + (t.image * pixels(g) + t.begin) * g.out, t.size(), g.out).noalias() =
          const_matrix(p, t.size(), patch(g)) * weights;
    });
  }

  /// dy (N,H',W',out), w -> dx (N,H,W,in), overwritten or, with `accumulate`, added to.
  template <class Arena>
  static void backward_data(thread_pool& pool, Arena& scratch, const geometry& g, const float* dy,
                            const float* w, float* dx, bool accumulate) {
    const typename Arena::frame scope(scratch);
    const const_matrix weights(w, patch(g), g.out);
    const std::int64_t tiles = tiles_of_image(g), most = shares(pixels(g), tiles);
    const std::int64_t image_size = std::int64_t{g.height} * g.width * g.in;
    for_each_tile(pool, scratch, g.images, most * patch(g), [&](std::int64_t image, float* p) {
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

  /// x, dy -> dw (kernel,kernel,in,out), overwritten or, with `accumulate`, added to.
  template <class Arena>
  static void backward_weights(thread_pool& pool, Arena& scratch, const geometry& g, const float* x,
                               const float* dy, float* dw, bool accumulate) {
    const typename Arena::frame scope(scratch);
    const std::int64_t tiles = tiles_of_image(g), most = shares(pixels(g), tiles);
    const std::int64_t shards = shares(g.images, shares(g.images, 8));
    const std::int64_t size = patch(g) * g.out;
    float* const partial = scratch.template take<float>(static_cast<std::size_t>(shards * size));
    for_each_tile(pool, scratch, shards, most * patch(g), [&](std::int64_t shard, float* p) {
      matrix sum(partial + shard * size, patch(g), g.out);
      sum.setZero();
      const std::int64_t end = share_begin(g.images, shards, shard + 1) * tiles;
      for (std::int64_t i = share_begin(g.images, shards, shard) * tiles; i < end; ++i) {
        const tile t(g, tiles, i);
        unfold(g, t, x, p);
        sum.noalias() +=
            const_matrix(p, t.size(), patch(g)).transpose() *
            const_matrix(dy + (t.image * pixels(g) + t.begin) * g.out, t.size(), g.out);
      }
    });
    matrix total(dw, patch(g), g.out);
    if (!accumulate) total.setZero();
    for (std::int64_t s = 0; s < shards; ++s) {
      total += const_matrix(partial + s * size, patch(g), g.out);
    }
  }

 private:
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using matrix = Eigen::Map<row_major>;
  using const_matrix = Eigen::Map<const row_major>;

  static std::int64_t patch(const geometry& g) { return std::int64_t{g.kernel} * g.kernel * g.in; }
  static std::int64_t pixels(const geometry& g) {
    return std::int64_t{g.out_height()} * g.out_width();
  }
  static std::int64_t tiles_of_image(const geometry& g) {
    return shares(pixels(g), std::max<std::int64_t>(16, tile_floats / patch(g)));
  }

  /// Result pixels [begin, end) of one image.
  struct tile {
    std::int64_t image, begin, end;
    tile(const geometry& g, std::int64_t tiles, std::int64_t i)
        : image(i / tiles), begin(share_begin(pixels(g), tiles, i % tiles)),
          end(share_begin(pixels(g), tiles, i % tiles + 1)) {}
    [[nodiscard]] std::int64_t size() const { return end - begin; }
  };

  /// Calls visit(p, at) for every pixel and tap of the tile, in order: `p` is where its channels
  /// start in the patch matrix, `at` where they start in the image, or -1 on padding.
  template <class Visit>
  static void for_each_tap(const geometry& g, const tile& t, const Visit& visit) {
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

  static void unfold(const geometry& g, const tile& t, const float* x, float* patches) {
    for_each_tap(g, t, [&](std::int64_t p, std::int64_t at) {
      if (at < 0) {
        std::fill_n(patches + p, g.in, 0.0f);
      } else {
        std::copy_n(x + at, g.in, patches + p);
      }
    });
  }

  static void fold(const geometry& g, const tile& t, const float* patches, float* dx) {
    for_each_tap(g, t, [&](std::int64_t p, std::int64_t at) {
      if (at < 0) return;
      for (int c = 0; c < g.in; ++c) dx[at + c] += patches[p + c];
    });
  }
};

}  // namespace triptych::convolution
