// triptych/eval/knn_inl.hpp
//
// The bodies of knn.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/knn.hpp>

namespace triptych::eval {

namespace detail {

struct neighbor {
  float similarity;
  std::int64_t index;

  /// Nearest first; among equals the lowest index.
  friend bool operator<(const neighbor& a, const neighbor& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.index < b.index;
  }
};

/// The k nearest of a stream of neighbors offered in the order of their index. It keeps up to 2k
/// candidates and, whenever they are full, drops the farther half: constant work per offer.
class nearest {
 public:
  explicit nearest(std::size_t k) : k_(k) { candidates_.reserve(2 * k); }

  void offer(neighbor candidate) {
    if (!(candidate.similarity > threshold_)) return;  // an equal one comes later: it loses
    candidates_.push_back(candidate);
    if (candidates_.size() == 2 * k_) prune();
  }

  /// The k nearest, in order; fewer if fewer were offered.
  std::vector<neighbor>& sorted() {
    if (candidates_.size() > k_) prune();
    std::sort(candidates_.begin(), candidates_.end());
    return candidates_;
  }

 private:
  void prune() {
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(candidates_.begin(), last, candidates_.end());
    threshold_ = last->similarity;
    candidates_.resize(k_);
  }

  std::size_t k_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<neighbor> candidates_;
};

/// 1 / length of each row; 0 for a row of zeros, which is then similar to nothing.
inline std::vector<float> inverse_norms(const feature_set& set) {
  std::vector<float> result(static_cast<std::size_t>(set.size));
  for (std::int64_t i = 0; i < set.size; ++i) {
    double sum = 0;
    for (int d = 0; d < set.dim; ++d) sum += double(set.row(i)[d]) * double(set.row(i)[d]);
    result[static_cast<std::size_t>(i)] = sum > 0 ? static_cast<float>(1.0 / std::sqrt(sum)) : 0.0f;
  }
  return result;
}

}  // namespace detail

TRIPTYCH_INLINE std::vector<float> knn_votes(const feature_set& train, const feature_set& test,
                                             const knn_options& options, thread_pool& pool) {
  check_pair(train, test);
  if (options.k < 1 || !(options.temperature > 0)) {
    throw error::usage("kNN: k = " + std::to_string(options.k) + " and temperature " +
                       std::to_string(options.temperature) +
                       " must both be positive; k = 200 and "
                       "temperature 0.1 are the usual choice");
  }
  fix_eigen_blocking();
  constexpr std::int64_t query_block = 64, train_block = 1024;
  using columns = Eigen::Map<const Eigen::MatrixXf>;
  const auto k = static_cast<std::size_t>(std::min<std::int64_t>(options.k, train.size));
  const std::vector<float> train_scale = detail::inverse_norms(train);
  const std::vector<float> test_scale = detail::inverse_norms(test);
  std::vector<float> votes(static_cast<std::size_t>(test.size * train.classes));

  pool.run((test.size + query_block - 1) / query_block, [&](std::int64_t block) {
    const std::int64_t first = block * query_block;
    const std::int64_t queries = std::min(query_block, test.size - first);
    std::vector<detail::nearest> found(static_cast<std::size_t>(queries), detail::nearest(k));
    Eigen::MatrixXf products;  // train_block x queries
    for (std::int64_t t = 0; t < train.size; t += train_block) {
      const std::int64_t rows = std::min(train_block, train.size - t);
      products.noalias() = columns(train.row(t), train.dim, rows).transpose() *
                           columns(test.row(first), test.dim, queries);
      for (std::int64_t q = 0; q < queries; ++q) {
        const float scale = test_scale[static_cast<std::size_t>(first + q)];
        for (std::int64_t i = 0; i < rows; ++i) {
          const float similarity =
              products(i, q) * train_scale[static_cast<std::size_t>(t + i)] * scale;
          found[static_cast<std::size_t>(q)].offer({similarity, t + i});
        }
      }
    }
    for (std::int64_t q = 0; q < queries; ++q) {
      const auto& neighbors = found[static_cast<std::size_t>(q)].sorted();
      float* vote = votes.data() + (first + q) * train.classes;
      for (const auto& n : neighbors) {
        vote[train.labels[static_cast<std::size_t>(n.index)]] +=
            std::exp((n.similarity - neighbors.front().similarity) / options.temperature);
      }
    }
  });
  return votes;
}

TRIPTYCH_INLINE confusion_matrix knn(const feature_set& train, const feature_set& test,
                                     const knn_options& options, thread_pool& pool) {
  const std::vector<float> votes = knn_votes(train, test, options, pool);
  confusion_matrix found(test.classes);
  for (std::int64_t i = 0; i < test.size; ++i) {
    const std::int32_t label = test.labels[static_cast<std::size_t>(i)];
    found.add(rank(votes.data() + i * test.classes, test.classes, label), label);
  }
  return found;
}

}  // namespace triptych::eval
