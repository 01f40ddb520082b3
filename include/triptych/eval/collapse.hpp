// triptych/eval/collapse.hpp
//
// Monitors of collapse: numbers in the training log that tell an encoder which maps all images to
// one point, or to a few directions, from one that learns. None of them takes part in training.
//
// N rows of embeddings z, P features. All take z of any length and normalize its rows themselves.
// Sources: spread as in Chen, He, "Exploring simple Siamese representation learning" (CVPR 2021),
// section 4.1; effective rank as in Roy, Vetterli, "The effective rank" (EUSIPCO 2007).
// Cost: spread O(N P); effective rank min(N, P)^2 max(N, P) and an eigenvalue problem of
// min(N, P): some ten milliseconds for 256 x 2048, so not on every step.
#pragma once

#include <cstdint>
#include <span>

#include <triptych/core/error.hpp>

namespace triptych::eval {

/// Standard deviation over the batch of each feature of z / |z|, averaged over the features. Near
/// 1 / sqrt(P) where the directions fill the sphere evenly; 0 where all are the same.
double direction_spread(std::span<const float> z, std::int64_t rows, int dim);

/// exp of the entropy of the singular values, scaled to sum 1, of the centered directions: how many
/// dimensions the batch uses, from 1 to min(N - 1, P); 0 where all directions are the same up to
/// the rounding of floats.
double effective_rank(std::span<const float> z, std::int64_t rows, int dim);

/// Share, 0 to 1, of neighbors that have the label of the row that looked them up. A row may have
/// several: then the first ones of all rows stand before the second ones of all rows. Negative
/// neighbor labels (rows of the queue that never held an image, or one without a label) count as
/// misses, rows without a label not at all; 0 where all are such. Labels serve the log only.
double same_label_share(std::span<const std::int32_t> labels,
                        std::span<const std::int32_t> neighbor_labels);

/// How old the neighbors are that a batch has looked up.
struct neighbor_age {
  double mean_steps = 0;    ///< over neighbors that were pushed; 1 = in the step before
  double random_share = 0;  ///< share of neighbors still from the random start, 0 to 1
};

/// Age of the rows `indices` of a ring of `capacity` rows, before this step's push. `head` is the
/// row that the next push will overwrite first, `batch` the rows pushed a step, `pushed` the rows
/// pushed so far in all.
neighbor_age queue_age(std::span<const std::int64_t> indices, std::int64_t capacity,
                       std::int64_t head, std::int64_t batch, std::int64_t pushed);

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/collapse_inl.hpp>
#endif
