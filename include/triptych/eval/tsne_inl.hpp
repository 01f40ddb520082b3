// triptych/eval/tsne_inl.hpp
//
// The body of tsne.hpp. Every row is a task of its own, and what is summed over rows is summed in
// their order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/pca.hpp>
#include <triptych/eval/tsne.hpp>

namespace triptych::eval {

namespace detail {

/// Column i holds what row i sees of the others: N x N.
using pair_matrix = Eigen::MatrixXf;

/// Squared distances of all pairs of the columns of `points` (D x N).
inline pair_matrix squared_distances(const Eigen::Ref<const Eigen::MatrixXf>& points,
                                     thread_pool& pool) {
  constexpr std::int64_t block = 64;  // rows that are multiplied together
  const std::int64_t rows = points.cols();
  const Eigen::VectorXf norms = points.colwise().squaredNorm();
  pair_matrix d(rows, rows);
  pool.run((rows + block - 1) / block, [&](std::int64_t task) {
    const std::int64_t first = task * block, count = std::min(block, rows - first);
    auto part = d.middleCols(first, count);
    part.noalias() = -2.0f * (points.transpose() * points.middleCols(first, count));
    part.colwise() += norms;
    part.rowwise() += norms.segment(first, count).transpose();
    part = part.cwiseMax(0.0f);
    for (std::int64_t i = 0; i < count; ++i) part(first + i, i) = 0;
  });
  return d;
}

/// Squared distances from row `own` become probabilities of its neighbors, of that perplexity. The
/// width is found by bisection.
inline void neighbor_probabilities(Eigen::Ref<Eigen::VectorXf> column, std::int64_t own,
                                   double perplexity) {
  const double wanted = std::log(perplexity);
  Eigen::ArrayXd d = column.cast<double>();
  d[own] = d.maxCoeff();
  d -= d.minCoeff();
  d[own] = 0;
  const double mean = d.sum() / static_cast<double>(d.size());
  double beta = mean > 0 ? 1 / mean : 1, low = 0, high = 0;
  Eigen::ArrayXd p(d.size());
  for (int tries = 0; tries < 100; ++tries) {
    p = (-beta * d).exp();
    p[own] = 0;
    const double sum = p.sum();
    const double entropy = std::log(sum) + beta * (p * d).sum() / sum;
    p /= sum;
    if (std::abs(entropy - wanted) < 1e-5) break;
    if (entropy > wanted) {
      low = beta;
      beta = high > 0 ? (low + high) / 2 : 2 * beta;
    } else {
      high = beta;
      beta = (low + high) / 2;
    }
  }
  column = p.cast<float>();
}

/// P, symmetric, of sum 1.
inline pair_matrix joint_probabilities(std::span<const float> x, std::int64_t rows, int dim,
                                       double perplexity, thread_pool& pool) {
  pair_matrix p = squared_distances(Eigen::Map<const Eigen::MatrixXf>(x.data(), dim, rows), pool);
  pool.run(rows, [&](std::int64_t i) { neighbor_probabilities(p.col(i), i, perplexity); });
  const float scale = 1.0f / (2.0f * static_cast<float>(rows));
  pool.run(rows, [&](std::int64_t i) {  // pair (i, j > i): by one task alone
    for (std::int64_t j = i + 1; j < rows; ++j) {
      const float mean = (p(j, i) + p(i, j)) * scale;
      p(j, i) = p(i, j) = mean;
    }
  });
  return p;
}

}  // namespace detail

TRIPTYCH_INLINE std::vector<float> tsne(std::span<const float> x, std::int64_t rows, int dim,
                                        const tsne_options& options, thread_pool& pool,
                                        const tsne_progress& progress,
                                        std::span<const float> start) {
  if (rows < 1 || dim < 1 || x.size() != static_cast<std::size_t>(rows * dim)) {
    throw error::usage("t-SNE: " + std::to_string(x.size()) + " values are not " +
                       std::to_string(rows) + " rows of " + std::to_string(dim) +
                       " features; pass (N, D) row-major");
  }
  if (!(options.perplexity >= 1) || options.iterations < 0 || !(options.exaggeration >= 1) ||
      !(options.learning_rate >= 0)) {
    throw error::usage("t-SNE: perplexity and exaggeration are at least 1, iterations and learning "
                       "rate at least 0; correct the options");
  }
  if (!start.empty() && start.size() != static_cast<std::size_t>(2 * rows)) {
    throw error::usage("t-SNE: a start of " + std::to_string(start.size()) + " values is none of " +
                       std::to_string(rows) + " rows; pass (N, 2) row-major, or none");
  }
  fix_eigen_blocking();
  check_finite(x, 0, dim, "t-SNE");
  check_finite(start, 0, 2, "the start of t-SNE");
  std::vector<float> placed =
      start.empty() ? pca(x, rows, dim, 2).scores : std::vector<float>(start.begin(), start.end());
  constexpr std::int64_t fewest = 5;  // of fewer rows no neighbors can be told apart
  if (rows < fewest) return placed;

  const double perplexity =
      std::min(options.perplexity, std::max(1.0, static_cast<double>(rows - 1) / 3));
  const auto p = detail::joint_probabilities(x, rows, dim, perplexity, pool);
  const double rate = options.learning_rate > 0
                          ? options.learning_rate
                          : std::max(50.0, static_cast<double>(rows) / options.exaggeration / 4);

  // Coordinates are kept apart: y (N, 2) column-major.
  Eigen::ArrayXXf y = Eigen::Map<const Eigen::MatrixXf>(placed.data(), 2, rows).transpose();
  const float spread = std::sqrt(y.col(0).square().mean());
  if (!(spread > 0)) return placed;  // all rows are the same
  y *= 1e-4f / spread;

  Eigen::ArrayXXf attraction(rows, 2), repulsion(rows, 2), moved(rows, 2), gain(rows, 2);
  moved.setZero();
  gain.setOnes();
  std::vector<double> sums(static_cast<std::size_t>(rows));
  constexpr std::int64_t block = 32;  // rows of a task, which share memory for a column
  const int exaggerated = options.iterations / 4;
  for (int t = 0; t < options.iterations; ++t) {
    pool.run((rows + block - 1) / block, [&](std::int64_t task) {
      Eigen::ArrayXf dx(rows), dy(rows), q(rows), weight(rows);
      for (std::int64_t i = task * block; i < std::min(rows, (task + 1) * block); ++i) {
        dx = y(i, 0) - y.col(0);
        dy = y(i, 1) - y.col(1);
        q = (1.0f + dx.square() + dy.square()).inverse();
        q[i] = 0;
        sums[static_cast<std::size_t>(i)] = double(q.sum());
        weight = q * p.col(i).array();
        attraction(i, 0) = (weight * dx).sum();
        attraction(i, 1) = (weight * dy).sum();
        q = q.square();
        repulsion(i, 0) = (q * dx).sum();
        repulsion(i, 1) = (q * dy).sum();
      }
    });
    double sum = 0;
    for (const double s : sums) sum += s;
    const auto pull = static_cast<float>(4 * (t < exaggerated ? options.exaggeration : 1.0));
    const auto push = static_cast<float>(4 / sum);
    const float momentum = t < exaggerated ? 0.5f : 0.8f;
    const Eigen::ArrayXXf gradient = pull * attraction - push * repulsion;
    gain = ((gradient > 0) == (moved > 0)).select(gain * 0.8f, gain + 0.2f).max(0.01f);
    moved = momentum * moved - static_cast<float>(rate) * gain * gradient;
    y += moved;
    const Eigen::Array2f mean = y.colwise().mean();
    for (int c = 0; c < 2; ++c) y.col(c) -= mean[c];
    if (progress && t % 16 == 15) progress(t + 1, options.iterations);
  }
  Eigen::Map<Eigen::MatrixXf>(placed.data(), 2, rows) = y.matrix().transpose();
  return placed;
}

}  // namespace triptych::eval
