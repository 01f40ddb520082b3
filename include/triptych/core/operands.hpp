// triptych/core/operands.hpp
//
// The shapes of the operations that need more than a row and a column count: plain data, passed to
// every backend alike.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>

namespace triptych {

/// A batch normalization: `groups` runs of `rows` rows each, every run with statistics of its own.
struct norm_shape {
  std::int64_t rows = 0;  ///< rows of one group
  int groups = 1;
  int channels = 0;
};

/// Numbers summed up: how many, their mean, the sum of squared deviations from it. a + b is that of
/// both together, by Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
/// sample variances" (1979).
struct moment {
  double count = 0, mean = 0, squares = 0;

  TRIPTYCH_HOST_DEVICE friend moment operator+(const moment& a, const moment& b) {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    const double both = a.count + b.count, d = b.mean - a.mean, pull = b.count / both;
    return {both, a.mean + d * pull, a.squares + b.squares + d * d * a.count * pull};
  }
};

/// Running statistics of one BatchNorm layer, updated group after group with
/// r <- (1 - momentum) r + momentum * batch, the variance unbiased. Null pointers: none are kept.
template <class T>
struct running_statistics {
  T* mean = nullptr;
  T* variance = nullptr;
  T momentum = T(0.1);
};

/// A map that lacks the last step of its BatchNorm and stands for relu(factor x + shift): factor and
/// shift are (groups, C), a group being `images` images. Without them it is x itself.
template <class T, class Real = T>
struct normalized_map {
  const T* x = nullptr;
  const Real *factor = nullptr, *shift = nullptr;
  std::int64_t images = 0;

  normalized_map(const T* map) : x(map) {}  // NOLINT(google-explicit-constructor): it is a map
  normalized_map(const T* map, const Real* factor_, const Real* shift_, std::int64_t images_)
      : x(map), factor(factor_), shift(shift_), images(images_) {}
};

/// Rows of logits and where their labels are.
struct logit_shape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t label_offset = 0;  ///< row r has the label (r + label_offset) mod columns
  /// Of the first so many columns only a row's label takes part: they are the positives of all rows
  /// (MoCo's keys).
  std::int64_t positives = 0;
};

/// Means of subsets of patches: for each of `groups` views, `combinations` subsets of `size`
/// patches out of `patches`. `table` (host memory) lists patch numbers, view-major, then subset,
/// then member. Row order: patches ((view, patch), image), combined rows ((view, subset), image).
struct subset_means {
  int groups = 1, patches = 1, combinations = 1, size = 1;
  std::int64_t images = 0;  ///< of one view
  int channels = 0;
  const int* table = nullptr;
};

}  // namespace triptych
