// triptych/eval/collapse.hpp
//
// Monitors of collapse: numbers in the training log that tell an encoder which maps all images to
// one point, or to a few directions, from one that learns. None of them takes part in training.
//
// N rows of embeddings z, P features. All take z of any length and normalise its rows themselves.
// Sources: spread as in Chen, He, "Exploring simple Siamese representation learning" (CVPR 2021),
// section 4.1; effective rank as in Roy, Vetterli, "The effective rank" (EUSIPCO 2007).
// Cost: spread O(N P); effective rank min(N, P)^2 max(N, P) and an eigenvalue problem of
// min(N, P): some ten milliseconds for 256 x 2048, so not on every step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <triptych/core/error.hpp>

namespace triptych::eval {

namespace detail {

/// The L2-normalised rows of z, (N, P) row-major, as columns less their mean: P x N.
inline Eigen::MatrixXd centred_directions(std::span<const float> z, std::int64_t rows, int dim) {
  if (rows < 1 || dim < 1 || z.size() != static_cast<std::size_t>(rows * dim)) {
    throw error::usage("collapse monitor: " + std::to_string(z.size()) + " values are not " +
                       std::to_string(rows) + " embeddings of " + std::to_string(dim) +
                       " features; pass (N, P) row-major");
  }
  Eigen::MatrixXd columns = Eigen::Map<const Eigen::MatrixXf>(z.data(), dim, rows).cast<double>();
  columns.colwise().normalize();
  const Eigen::VectorXd mean = columns.rowwise().mean();
  columns.colwise() -= mean;
  return columns;
}

}  // namespace detail

/// Standard deviation over the batch of each feature of z / |z|, averaged over the features. Near
/// 1 / sqrt(P) where the directions fill the sphere evenly; 0 where all are the same.
inline double direction_spread(std::span<const float> z, std::int64_t rows, int dim) {
  const Eigen::MatrixXd columns = detail::centred_directions(z, rows, dim);
  return (columns.rowwise().squaredNorm() / static_cast<double>(rows)).cwiseSqrt().mean();
}

/// exp of the entropy of the singular values, scaled to sum 1, of the centred directions: how many
/// dimensions the batch uses, from 1 to min(N - 1, P); 0 where all directions are the same up to
/// the rounding of floats.
inline double effective_rank(std::span<const float> z, std::int64_t rows, int dim) {
  const Eigen::MatrixXd columns = detail::centred_directions(z, rows, dim);
  if (columns.squaredNorm() < 1e-12 * static_cast<double>(rows)) return 0;
  const Eigen::MatrixXd gram = rows < dim ? Eigen::MatrixXd(columns.transpose() * columns)
                                          : Eigen::MatrixXd(columns * columns.transpose());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram, Eigen::EigenvaluesOnly);
  const Eigen::VectorXd singular = solver.eigenvalues().cwiseMax(0.0).cwiseSqrt();
  const double sum = singular.sum();
  double entropy = 0;
  for (const double s : singular) {
    const auto share = static_cast<float>(s / sum);
    if (share > 0) entropy -= static_cast<double>(share * std::log(share));
  }
  return static_cast<double>(std::exp(static_cast<float>(entropy)));
}

/// Share, 0 to 1, of look-ups whose neighbour has the label of the row that looked; negative
/// neighbour labels (rows of the queue that never held an image) count as misses. Labels serve the
/// log only.
inline double same_label_share(std::span<const std::int32_t> labels,
                               std::span<const std::int32_t> neighbour_labels) {
  if (labels.empty() || labels.size() != neighbour_labels.size()) {
    throw error::usage("same_label_share: " + std::to_string(labels.size()) + " labels and " +
                       std::to_string(neighbour_labels.size()) +
                       " neighbours: give one neighbour to each of at least one row");
  }
  std::int64_t same = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) same += labels[i] == neighbour_labels[i];
  return static_cast<double>(same) / static_cast<double>(labels.size());
}

/// How old the neighbours are that a batch has looked up.
struct neighbour_age {
  double mean_steps = 0;    ///< over neighbours that were pushed; 1 = in the step before
  double random_share = 0;  ///< share of neighbours still from the random start, 0 to 1
};

/// Age of the rows `indices` of a ring of `capacity` rows, before this step's push. `head` is the
/// row that the next push will overwrite first, `batch` the rows pushed a step, `pushed` the rows
/// pushed so far in all.
inline neighbour_age queue_age(std::span<const std::int64_t> indices, std::int64_t capacity,
                               std::int64_t head, std::int64_t batch, std::int64_t pushed) {
  if (capacity < 1 || batch < 1 || head < 0 || head >= capacity) {
    throw error::usage("queue_age: a ring of " + std::to_string(capacity) + " rows with head " +
                       std::to_string(head) + " and batches of " + std::to_string(batch) +
                       " does not exist; pass the queue's own numbers");
  }
  std::int64_t steps = 0, seen = 0;
  for (const std::int64_t index : indices) {
    const std::int64_t rows_ago = (head - 1 - index + 2 * capacity) % capacity;
    if (rows_ago >= pushed) continue;
    steps += rows_ago / batch + 1;
    ++seen;
  }
  if (indices.empty()) return {};
  const auto looked = static_cast<double>(indices.size());
  return {seen > 0 ? static_cast<double>(steps) / static_cast<double>(seen) : 0.0,
          1.0 - static_cast<double>(seen) / looked};
}

}  // namespace triptych::eval
