// triptych/network/patch_cutter.hpp
//
// What a network does beside its layers: it cuts the chosen views into patches, and averages the
// patches' features by the subsets of its combinator.
//
//   x (V N, H, W, 3) --divided--> (V g*g N, H/g, W/g, 3), h (V g*g N, D) --combined--> (V s N, D)
//
// Source: method.md section 1 (the paper, section 3.2). Views are numbered from 0.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/nn/pass.hpp>
#include <triptych/patches/combinator.hpp>

namespace triptych {

template <class B, class Patches>
class patch_cutter {
 public:
  using real = typename B::real;
  using activation = typename B::activation;

  explicit patch_cutter(Patches patches) : patches_(std::move(patches)) {}

  /// Rows that come of an image.
  [[nodiscard]] int rows() const { return patches_.side() == 1 ? 1 : patches_.combinations(); }

  /// The chosen views as a map: as they lie if they are adjacent whole images and a map's numbers
  /// are those of images, else copied or cut.
  tensor<const activation> divided(B& backend, tensor<const real> images,
                                   std::span<const int> views) {
    const int side = patches_.side();
    const std::int64_t n = images.shape.images / images.shape.groups;
    if (images.shape.height % side != 0 || images.shape.width % side != 0) {
      throw error::usage("network: images " + to_string(images.shape) + " cannot be cut " +
                         std::to_string(side) + " x " + std::to_string(side) +
                         "; choose an image size divisible by the grid");
    }
    const auto count = static_cast<int>(views.size());
    for (const int v : views) {
      if (v >= 0 && v < images.shape.groups) continue;
      throw error::usage("network: view " + std::to_string(v + 1) + " of images " +
                         to_string(images.shape) + " in " + std::to_string(images.shape.groups) +
                         " groups; give all views one after another, and groups = their number");
    }
    if constexpr (std::same_as<real, activation>) {
      const bool adjacent = std::adjacent_find(views.begin(), views.end(), [](int a, int b) {
                              return b != a + 1;
                            }) == views.end();
      if (side == 1 && adjacent) {
        auto x = images.images(views.front() * n, count * n);
        x.shape.groups = count;
        return x;
      }
    }
    const shape one{n, images.shape.height, images.shape.width, images.shape.channels};
    shape all{n * side * side * count, one.height / side, one.width / side, one.channels, count};
    tensor<activation> x{all, backend.arena().template take<activation>(all.size())};
    for (int v = 0; v < count; ++v) {
      backend.divide(one, side, images.images(views[static_cast<std::size_t>(v)] * n, n).data,
                     x.data + static_cast<std::size_t>(v) * one.size());
    }
    return x;
  }

  tensor<const real> combined(const nn::pass<B>& p, tensor<const real> h, int views,
                              random_stream random) {
    const int cut = patches_.side() * patches_.side();
    if (cut == 1) return h;
    patches_.subsets(views, random, subsets_);
    means_ = {views,
              cut,
              patches_.combinations(),
              patches_.size(),
              h.shape.images / (views * cut),
              h.shape.channels,
              subsets_.data()};
    const auto means =
        p.take(features(means_.images * views * means_.combinations, h.shape.channels, views));
    p.backend.combine_forward(means_, h.data, means.data);
    return means;
  }

  /// The gradient of what combined() took, by that of what it gave last.
  tensor<real> separated(const nn::pass<B>& p, tensor<real> dmeans) {
    if (patches_.side() == 1) return dmeans;
    const auto dh = p.take(
        features(means_.images * means_.groups * means_.patches, means_.channels, means_.groups));
    p.backend.combine_backward(means_, dmeans.data, dh.data);
    return dh;
  }

 private:
  Patches patches_;
  subset_means means_;
  std::vector<int> subsets_;
};

}  // namespace triptych
