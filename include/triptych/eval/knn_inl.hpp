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
#include <triptych/eval/row_source.hpp>

namespace triptych::eval {

namespace detail {

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

/// 1 / length of each of `count` rows; 0 for a row of zeros, which is then similar to nothing.
inline std::vector<float> inverse_norms(const float* rows, std::int64_t count, int dim) {
  std::vector<float> result(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = rows + i * dim;
    double sum = 0;
    for (int d = 0; d < dim; ++d) sum += double(row[d]) * double(row[d]);
    result[static_cast<std::size_t>(i)] = sum > 0 ? static_cast<float>(1.0 / std::sqrt(sum)) : 0.0f;
  }
  return result;
}

/// Rows with what is known of each.
struct row_block {
  std::int64_t first, count;
  const float* values;
  std::vector<float> inverse_norms;
};

inline row_block block_of(const row_source& set, std::int64_t first, std::int64_t count,
                          std::vector<float>& memory, const char* name) {
  const float* values = set.rows(first, count, memory);
  check_finite({values, static_cast<std::size_t>(count * set.dim)}, first, set.dim, name);
  return {first, count, values, inverse_norms(values, count, set.dim)};
}

inline constexpr std::int64_t queries_together = 64;

/// The rows of `each` bytes that `bytes` hold: whole multiples of 64, at least one.
inline std::int64_t rows_within(std::int64_t bytes, std::int64_t each) {
  return std::max<std::int64_t>(1, bytes / each / queries_together) * queries_together;
}

/// Finds the nearest training rows of one part of the test rows after another, and calls
/// take(first row, what was found for each, each_block) for it, where each_block(work) calls
/// work(q, count) on all threads for all blocks of those rows. Products are of the same blocks of
/// rows whatever the memory, so their bits are the same.
template <class Take>
void search(const row_source& train, const row_source& test, const knn_options& options,
            thread_pool& pool, const knn_progress& progress, const Take& take) {
  if (options.k < 1 || !(options.temperature > 0)) {
    throw error::usage("kNN: k = " + std::to_string(options.k) + " and temperature " +
                       std::to_string(options.temperature) +
                       " must both be positive; k = 200 and "
                       "temperature 0.1 are the usual choice");
  }
  fix_eigen_blocking();
  using columns = Eigen::Map<const Eigen::MatrixXf>;
  const auto k = static_cast<std::size_t>(std::min<std::int64_t>(options.k, train.size));
  const std::int64_t row = std::int64_t{sizeof(float)} * train.dim;
  const std::int64_t train_block =
      std::min<std::int64_t>(1024, rows_within(std::int64_t{64} << 20, row));
  const std::int64_t train_blocks = (train.size + train_block - 1) / train_block;
  const auto of_neighbors = static_cast<std::int64_t>(2 * k * sizeof(neighbor));
  const std::int64_t part =
      rows_within(options.memory, row + of_neighbors + std::int64_t{sizeof(float)} * train.classes);
  const std::int64_t parts = (test.size + part - 1) / part;

  std::vector<float> test_memory, train_memory;
  for (std::int64_t p = 0; p < parts; ++p) {
    const row_block asked = block_of(test, p * part, std::min(part, test.size - p * part),
                                     test_memory, "test features");
    const std::int64_t query_blocks = (asked.count + queries_together - 1) / queries_together;
    std::vector<nearest> found;
    found.reserve(static_cast<std::size_t>(asked.count));
    for (std::int64_t q = 0; q < asked.count; ++q) found.emplace_back(k);
    const auto each_query_block = [&](const auto& work) {
      pool.run(query_blocks, [&](std::int64_t block) {
        const std::int64_t first = block * queries_together;
        work(first, std::min(queries_together, asked.count - first));
      });
    };
    for (std::int64_t b = 0; b < train_blocks; ++b) {
      const std::int64_t t = b * train_block;
      const row_block known = block_of(train, t, std::min(train_block, train.size - t),
                                       train_memory, "training features");
      each_query_block([&](std::int64_t first, std::int64_t queries) {
        Eigen::MatrixXf products;  // train_block x queries
        products.noalias() = columns(known.values, train.dim, known.count).transpose() *
                             columns(asked.values + first * test.dim, test.dim, queries);
        for (std::int64_t q = 0; q < queries; ++q) {
          const auto own = static_cast<std::size_t>(first + q);
          const float scale = asked.inverse_norms[own];
          for (std::int64_t i = 0; i < known.count; ++i) {
            const float similarity =
                products(i, q) * known.inverse_norms[static_cast<std::size_t>(i)] * scale;
            found[own].offer({similarity, t + i});
          }
        }
      });
      if (progress) progress(p * train_blocks + b + 1, parts * train_blocks);
    }
    take(asked.first, found, each_query_block);
  }
}

/// Calls take(first row, rows, their votes) for one part of the test rows after another.
template <class Take>
void vote(const row_source& train, const row_source& test, const knn_options& options,
          thread_pool& pool, const knn_progress& progress, const Take& take) {
  search(train, test, options, pool, progress,
         [&](std::int64_t start, std::vector<nearest>& found, const auto& each_block) {
           const auto count = static_cast<std::int64_t>(found.size());
           std::vector<float> votes(static_cast<std::size_t>(count * train.classes));
           each_block([&](std::int64_t first, std::int64_t queries) {
             for (std::int64_t q = first; q < first + queries; ++q) {
               const auto& neighbors = found[static_cast<std::size_t>(q)].sorted();
               float* own = votes.data() + q * train.classes;
               for (const auto& n : neighbors) {
                 own[train.labels[static_cast<std::size_t>(n.index)]] +=
                     std::exp((n.similarity - neighbors.front().similarity) / options.temperature);
               }
             }
           });
           take(start, count, votes);
         });
}

}  // namespace detail

TRIPTYCH_INLINE std::vector<float> knn_votes(const feature_set& train, const feature_set& test,
                                             const knn_options& options, thread_pool& pool) {
  check_pair(train, test);
  std::vector<float> all;
  all.reserve(static_cast<std::size_t>(test.size * train.classes));
  detail::vote(rows_of(train), rows_of(test), options, pool, {},
               [&](std::int64_t, std::int64_t, const std::vector<float>& votes) {
                 all.insert(all.end(), votes.begin(), votes.end());
               });
  return all;
}

TRIPTYCH_INLINE std::vector<std::vector<neighbor>> nearest_neighbors(const feature_set& train,
                                                                     const feature_set& test, int k,
                                                                     thread_pool& pool,
                                                                     const knn_progress& progress) {
  check_pair(train, test);
  std::vector<std::vector<neighbor>> all(static_cast<std::size_t>(test.size));
  detail::search(
      rows_of(train), rows_of(test), {.k = k}, pool, progress,
      [&](std::int64_t start, std::vector<detail::nearest>& found, const auto& each_block) {
        each_block([&](std::int64_t first, std::int64_t queries) {
          for (std::int64_t q = first; q < first + queries; ++q) {
            all[static_cast<std::size_t>(start + q)] = found[static_cast<std::size_t>(q)].sorted();
          }
        });
      });
  return all;
}

TRIPTYCH_INLINE confusion_matrix knn(const row_source& train, const row_source& test,
                                     const knn_options& options, thread_pool& pool,
                                     const knn_progress& progress) {
  check_pair(train, test);
  confusion_matrix found(test.classes);
  detail::vote(train, test, options, pool, progress,
               [&](std::int64_t first, std::int64_t count, const std::vector<float>& votes) {
                 for (std::int64_t i = 0; i < count; ++i) {
                   const auto label = test.labels[static_cast<std::size_t>(first + i)];
                   found.add(rank(votes.data() + i * test.classes, test.classes, label), label);
                 }
               });
  return found;
}

TRIPTYCH_INLINE confusion_matrix knn(const feature_set& train, const feature_set& test,
                                     const knn_options& options, thread_pool& pool,
                                     const knn_progress& progress) {
  check_pair(train, test);
  return knn(rows_of(train), rows_of(test), options, pool, progress);
}

}  // namespace triptych::eval
