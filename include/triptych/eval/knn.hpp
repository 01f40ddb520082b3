// triptych/eval/knn.hpp
//
// Weighted k-nearest-neighbor classification: each test row is voted on by the k training rows of
// highest cosine similarity s, a vote counting exp(s / T). Nothing is trained, so it is cheap
// enough to watch a run every few epochs.
//
// N training rows, M test rows, D features, C classes.
// Source: Wu, Xiong, Yu, Lin, "Unsupervised feature learning via non-parametric instance
// discrimination" (CVPR 2018), section 3.4; k = 200 and T = 0.1.
// Cost: 2 N M D operations in blocks of 64 x 1024 similarities; the M x N matrix is never stored.
#pragma once

#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>

namespace triptych::eval {

struct knn_options {
  int k = 200;               ///< neighbors that vote; no more than there are training rows
  float temperature = 0.1f;  ///< smaller: the nearest decide; larger: all votes count alike
};

/// The votes for each class, (M, C) row-major. They are scaled per row so that the nearest
/// neighbor's vote is 1, which changes no ranking and cannot overflow at a low temperature.
/// The same bits for any number of threads. Throws on sets that do not fit and on bad options.
std::vector<float> knn_votes(const feature_set& train, const feature_set& test,
                             const knn_options& options, thread_pool& pool);

/// How the votes judge the test rows.
confusion_matrix knn(const feature_set& train, const feature_set& test, const knn_options& options,
                     thread_pool& pool);

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/knn_inl.hpp>
#endif
