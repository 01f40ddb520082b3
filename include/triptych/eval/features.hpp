// triptych/eval/features.hpp
//
// Labeled feature vectors on the host, the input of every evaluation, and how they are
// standardized.
//
// N rows, D features. Row-major (N, D) is a column-major D x N matrix: one row is one column there.
// Cost: O(N D) each, memory-bound.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <triptych/core/error.hpp>

namespace triptych::eval {

/// N labeled rows of D features.
struct feature_set {
  std::int64_t size = 0;             ///< N
  int dim = 0;                       ///< D
  int classes = 0;                   ///< labels lie in [0, classes)
  std::vector<float> values;         ///< (N, D) row-major
  std::vector<std::int32_t> labels;  ///< (N)

  [[nodiscard]] const float* row(std::int64_t i) const { return values.data() + i * dim; }
};

/// Throws unless there are rows and features, a label for each row, and all labels in range; `name`
/// says in the message which set it is ("training features").
inline void check_labels(std::int64_t size, int dim, int classes,
                         std::span<const std::int32_t> labels, const std::string& name) {
  if (size < 1 || dim < 1 || classes < 1) {
    throw error::data(name + ": " + std::to_string(size) + " rows of " + std::to_string(dim) +
                      " features in " + std::to_string(classes) +
                      " classes cannot be evaluated; give images to both parts of the data set, "
                      "training and test");
  }
  if (labels.size() != static_cast<std::size_t>(size)) {
    throw error::usage(name + ": " + std::to_string(labels.size()) + " labels do not make " +
                       std::to_string(size) + " rows; fill the buffer to the stated shape");
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      throw error::data(name + ": row " + std::to_string(i) + " has label " +
                        std::to_string(labels[i]) + ", outside 0 to " +
                        std::to_string(classes - 1) + "; check the number of classes");
    }
  }
}

/// Throws error::non_finite unless all values, of rows of D from row `first` on, are finite.
inline void check_finite(std::span<const float> values, std::int64_t first, int dim,
                         const std::string& name) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const auto row = static_cast<std::size_t>(first) + i / static_cast<std::size_t>(dim);
    throw error::non_finite(name + ": row " + std::to_string(row) + ", feature " +
                            std::to_string(i % static_cast<std::size_t>(dim)) +
                            " is NaN or infinite; evaluate an earlier checkpoint");
  }
}

/// Throws unless `set` has rows, buffers of the stated shape, finite values and labels in range.
inline void check(const feature_set& set, const std::string& name) {
  check_labels(set.size, set.dim, set.classes, set.labels, name);
  const auto rows = static_cast<std::size_t>(set.size);
  if (set.values.size() != rows * static_cast<std::size_t>(set.dim)) {
    throw error::usage(name + ": " + std::to_string(set.values.size()) + " values do not make " +
                       std::to_string(rows) + " rows of " + std::to_string(set.dim) +
                       " features; fill the buffer to the stated shape");
  }
  check_finite(set.values, 0, set.dim, name);
}

/// Throws unless both sets are sound and speak of the same features and classes.
template <class Set>
void check_pair(const Set& train, const Set& test) {
  check(train, "training features");
  check(test, "test features");
  if (train.dim != test.dim || train.classes != test.classes) {
    throw error::usage("evaluation: training features are " + std::to_string(train.dim) + " in " +
                       std::to_string(train.classes) + " classes, test features " +
                       std::to_string(test.dim) + " in " + std::to_string(test.classes) +
                       "; take both from the same encoder and data set");
  }
}

/// Those rows of a set, in their order. Throws error::usage where there is no such row.
inline feature_set chosen_rows(const feature_set& set, std::span<const std::int64_t> rows) {
  feature_set chosen{static_cast<std::int64_t>(rows.size()), set.dim, set.classes, {}, {}};
  chosen.values.reserve(rows.size() * static_cast<std::size_t>(set.dim));
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= set.size) {
      throw error::usage("chosen rows: there is no row " + std::to_string(row) + " among " +
                         std::to_string(set.size) + "; choose from the labels of this set");
    }
    chosen.values.insert(chosen.values.end(), set.row(row), set.row(row) + set.dim);
    chosen.labels.push_back(set.labels[static_cast<std::size_t>(row)]);
  }
  return chosen;
}

/// The affine map that gives each feature of a set mean 0 and standard deviation 1.
struct standardizer {
  std::vector<float> mean;   ///< (D)
  std::vector<float> scale;  ///< (D) 1 / standard deviation; 1 for a feature that never varies
};

/// Mean and population standard deviation of each feature of `train`, summed in double.
inline standardizer fit_standardizer(const feature_set& train) {
  check(train, "training features");
  const auto dim = static_cast<std::size_t>(train.dim);
  const auto size = static_cast<double>(train.size);
  std::vector<double> mean(dim), variance(dim);
  for (std::int64_t i = 0; i < train.size; ++i) {
    for (std::size_t d = 0; d < dim; ++d) mean[d] += double(train.row(i)[d]);
  }
  for (double& m : mean) m /= size;
  for (std::int64_t i = 0; i < train.size; ++i) {
    for (std::size_t d = 0; d < dim; ++d) {
      const double difference = double(train.row(i)[d]) - mean[d];
      variance[d] += difference * difference;
    }
  }
  standardizer map{std::vector<float>(dim), std::vector<float>(dim)};
  for (std::size_t d = 0; d < dim; ++d) {
    const double deviation = std::sqrt(variance[d] / size);
    map.mean[d] = static_cast<float>(mean[d]);
    // A constant feature differs from its mean by rounding alone: leave that noise small.
    const bool varies = deviation > 1e-6 * std::abs(mean[d]);
    map.scale[d] = varies ? static_cast<float>(1.0 / deviation) : 1.0f;
  }
  return map;
}

/// Applies `map`, fitted on the training features, to any set of the same features, in place.
inline void standardize(feature_set& set, const standardizer& map) {
  const auto dim = static_cast<std::size_t>(set.dim);
  if (map.mean.size() != dim) {
    throw error::usage("standardize: fitted on " + std::to_string(map.mean.size()) +
                       " features, applied to " + std::to_string(dim) +
                       "; take both from the same encoder");
  }
  for (std::size_t i = 0; i < set.values.size(); ++i) {
    set.values[i] = (set.values[i] - map.mean[i % dim]) * map.scale[i % dim];
  }
}

}  // namespace triptych::eval
