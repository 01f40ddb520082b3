// triptych/eval/collapse_inl.hpp
//
// The bodies of collapse.hpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/eval/collapse.hpp>

namespace triptych::eval {

namespace detail {

/// The L2-normalized rows of z, (N, P) row-major, as columns less their mean: P x N.
inline Eigen::MatrixXd centered_directions(std::span<const float> z, std::int64_t rows, int dim) {
  if (rows < 1 || dim < 1 || z.size() != static_cast<std::size_t>(rows * dim)) {
    throw error::usage("collapse monitor: " + std::to_string(z.size()) + " values are not " +
                       std::to_string(rows) + " embeddings of " + std::to_string(dim) +
                       " features; pass (N, P) row-major");
  }
  fix_eigen_blocking();
  Eigen::MatrixXd columns = Eigen::Map<const Eigen::MatrixXf>(z.data(), dim, rows).cast<double>();
  columns.colwise().normalize();
  const Eigen::VectorXd mean = columns.rowwise().mean();
  columns.colwise() -= mean;
  return columns;
}

}  // namespace detail

TRIPTYCH_INLINE double direction_spread(std::span<const float> z, std::int64_t rows, int dim) {
  const Eigen::MatrixXd columns = detail::centered_directions(z, rows, dim);
  return (columns.rowwise().squaredNorm() / static_cast<double>(rows)).cwiseSqrt().mean();
}

TRIPTYCH_INLINE double effective_rank(std::span<const float> z, std::int64_t rows, int dim) {
  const Eigen::MatrixXd columns = detail::centered_directions(z, rows, dim);
  if (columns.squaredNorm() < 1e-12 * static_cast<double>(rows)) return 0;
  const Eigen::MatrixXd gram = rows < dim ? Eigen::MatrixXd(columns.transpose() * columns)
                                          : Eigen::MatrixXd(columns * columns.transpose());
  // What SelfAdjointEigenSolver(gram, EigenvaluesOnly) does, less the code of its eigenvectors,
  // which takes the compiler as long as the rest of the library.
  const double scale = gram.cwiseAbs().maxCoeff();
  const Eigen::Tridiagonalization<Eigen::MatrixXd> tridiagonal(gram / scale);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(tridiagonal.diagonal(), tridiagonal.subDiagonal(),
                                Eigen::EigenvaluesOnly);
  const Eigen::VectorXd singular = (solver.eigenvalues() * scale).cwiseMax(0.0).cwiseSqrt();
  const double sum = singular.sum();
  double entropy = 0;
  for (const double s : singular) {
    const auto share = static_cast<float>(s / sum);
    if (share > 0) entropy -= static_cast<double>(share * std::log(share));
  }
  return static_cast<double>(std::exp(static_cast<float>(entropy)));
}

TRIPTYCH_INLINE double same_label_share(std::span<const std::int32_t> labels,
                                        std::span<const std::int32_t> neighbor_labels) {
  if (labels.empty() || neighbor_labels.empty() || neighbor_labels.size() % labels.size() != 0) {
    throw error::usage("same_label_share: " + std::to_string(labels.size()) + " labels and " +
                       std::to_string(neighbor_labels.size()) +
                       " neighbors: give as many neighbors to each of at least one row");
  }
  std::int64_t same = 0, known = 0;
  for (std::size_t i = 0; i < neighbor_labels.size(); ++i) {
    const std::int32_t own = labels[i % labels.size()];
    known += own >= 0;
    same += own >= 0 && own == neighbor_labels[i];
  }
  return known > 0 ? static_cast<double>(same) / static_cast<double>(known) : 0;
}

TRIPTYCH_INLINE neighbor_age queue_age(std::span<const std::int64_t> indices, std::int64_t capacity,
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
