// triptych/eval/knn.hpp
//
// Weighted k-nearest-neighbor classification: each test row is voted on by the k training rows of
// highest cosine similarity s, a vote counting exp(s / T). Nothing is trained, so it is cheap
// enough to watch a run every few epochs.
//
// N training rows, M test rows, D features, C classes.
// Source: Wu, Xiong, Yu, Lin, "Unsupervised feature learning via non-parametric instance
// discrimination" (CVPR 2018), section 3.4; k = 200 and T = 0.1.
// Cost: 2 N M D operations; the M x N matrix is never stored. Test rows are held as many at a time
// as `memory` allows, and for each such part the training rows pass by once, in blocks of at most
// 64 MiB: rows that are made as they are asked for are made once for each part.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/row_source.hpp>

namespace triptych::eval {

struct knn_options {
  int k = 200;               ///< neighbors that vote; no more than there are training rows
  float temperature = 0.1f;  ///< smaller: the nearest decide; larger: all votes count alike

  /// Bytes for the test rows that are held together, with their neighbors and votes; never fewer
  /// rows than 64. It changes no bit.
  std::int64_t memory = std::int64_t{256} << 20;
};

/// A training row, seen from a test row.
struct neighbor {
  float similarity;    ///< cosine
  std::int64_t index;  ///< of the training row

  /// Nearest first; among equals the lowest index.
  friend bool operator<(const neighbor& a, const neighbor& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.index < b.index;
  }
};

/// Called now and then by the thread that asked: how much of the work is done. Changes no bit; what
/// it throws ends the work.
using knn_progress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The votes for each class, (M, C) row-major. They are scaled per row so that the nearest
/// neighbor's vote is 1, which changes no ranking and cannot overflow at a low temperature.
/// The same bits for any number of threads. Throws on sets that do not fit, on values that are not
/// finite and on bad options.
std::vector<float> knn_votes(const feature_set& train, const feature_set& test,
                             const knn_options& options, thread_pool& pool);

/// The k training rows nearest to each test row, the nearest first; all of them where there are
/// fewer. The search is that of the votes, with the same bits. Throws as knn_votes().
std::vector<std::vector<neighbor>> nearest_neighbors(const feature_set& train,
                                                     const feature_set& test, int k,
                                                     thread_pool& pool,
                                                     const knn_progress& progress = {});

/// How the votes judge the test rows. Memory: `memory` and 64 MiB, or 64 rows of each set where
/// they are larger.
confusion_matrix knn(const row_source& train, const row_source& test, const knn_options& options,
                     thread_pool& pool, const knn_progress& progress = {});

/// The same of sets in memory, with the same bits.
confusion_matrix knn(const feature_set& train, const feature_set& test, const knn_options& options,
                     thread_pool& pool, const knn_progress& progress = {});

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/knn_inl.hpp>
#endif
