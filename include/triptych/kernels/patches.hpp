// triptych/kernels/patches.hpp
//
// Cutting images into a grid of patches, and means of subsets of patch encodings.
//
//   divide   x (N,H,W,C) -> (g*g*N, H/g, W/g, C); patch-major, patches in row-major order of the grid
//   combine  h (views * patches * N, D) -> (views * subsets * N, D)
//
// Functors over rows, functor(g, r) for a group g of lanes (kernels/group.hpp).
//
// Source: the paper, eq. 4 and 5. Cost: one pass over memory.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// One row of pixels of one patch; r counts (patch, image, row in patch).
template <class From, class To = From>
struct divide_row {
  shape in;
  int grid;
  const From* x;
  To* patches;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const int height = in.height / grid;
    const std::int64_t run = std::int64_t{in.width / grid} * in.channels;
    const std::int64_t image = r / height % in.images;
    const int patch = static_cast<int>(r / height / in.images);
    const std::int64_t row = patch / grid * height + r % height;
    const From* from = x + (image * in.height + row) * in.width * in.channels + patch % grid * run;
    To* to = patches + r * run;
    g.each(run, [=](std::int64_t i) { to[i] = from[i]; });
  }
};

/// One combined row; r counts (view, subset, image); the mean of `size` patch rows.
template <class T>
struct combine_row {
  subset_means s;
  const T* patches;
  T* means;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t image = r % s.images;
    const std::int64_t subset = r / s.images;  // counts (view, subset)
    const std::int64_t view = subset / s.combinations;
    const int* members = s.table + subset * s.size;
    T* out = means + r * s.channels;
    g.each(s.channels, [=](std::int64_t c) { out[c] = T(0); });
    for (int k = 0; k < s.size; ++k) {
      const T* in = patches + ((view * s.patches + members[k]) * s.images + image) * s.channels;
      g.each(s.channels, [=](std::int64_t c) { out[c] += in[c]; });
    }
    const T size = static_cast<T>(s.size);
    g.each(s.channels, [=](std::int64_t c) { out[c] /= size; });
  }
};

/// One patch row of the gradient; r counts (view, patch, image); sums over the subsets
/// that hold the patch.
template <class T>
struct combine_gradient_row {
  subset_means s;
  const T* dmeans;
  T* dpatches;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t image = r % s.images;
    const int patch = static_cast<int>(r / s.images % s.patches);
    const std::int64_t view = r / s.images / s.patches;
    T* out = dpatches + r * s.channels;
    g.each(s.channels, [=](std::int64_t c) { out[c] = T(0); });
    for (std::int64_t subset = view * s.combinations; subset < (view + 1) * s.combinations;
         ++subset) {
      for (int k = 0; k < s.size; ++k) {
        if (s.table[subset * s.size + k] != patch) continue;
        const T* in = dmeans + (subset * s.images + image) * s.channels;
        const T size = static_cast<T>(s.size);
        g.each(s.channels, [=](std::int64_t c) { out[c] += in[c] / size; });
      }
    }
  }
};

}  // namespace triptych::kernels
