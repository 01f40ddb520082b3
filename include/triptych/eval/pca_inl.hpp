// triptych/eval/pca_inl.hpp
//
// The body of pca.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/pca.hpp>

namespace triptych::eval {

TRIPTYCH_INLINE principal_components pca(std::span<const float> x, std::int64_t rows, int dim,
                                         int components) {
  if (rows < 1 || dim < 1 || components < 1 || x.size() != static_cast<std::size_t>(rows * dim)) {
    throw error::usage("pca: " + std::to_string(x.size()) + " values are not " +
                       std::to_string(rows) + " rows of " + std::to_string(dim) +
                       " features, of which " + std::to_string(components) +
                       " components are wanted; pass (N, D) row-major and ask for at least one");
  }
  check_finite(x, 0, dim, "pca");
  fix_eigen_blocking();
  // A row is a column here: D x N, less the mean.
  Eigen::MatrixXd columns = Eigen::Map<const Eigen::MatrixXf>(x.data(), dim, rows).cast<double>();
  const Eigen::VectorXd mean = columns.rowwise().mean();
  columns.colwise() -= mean;
  const double whole = columns.squaredNorm();

  // Of the covariance D x D and the Gram matrix N x N, which have the same eigenvalues, the smaller.
  const bool by_gram = rows < dim;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      by_gram ? Eigen::MatrixXd(columns.transpose() * columns)
              : Eigen::MatrixXd(columns * columns.transpose()));
  const std::int64_t size = solver.eigenvalues().size();

  principal_components found{std::vector<float>(static_cast<std::size_t>(rows * components)),
                             std::vector<double>(static_cast<std::size_t>(components))};
  for (std::int64_t c = 0; c < std::min<std::int64_t>(components, size); ++c) {
    const double value = std::max(0.0, solver.eigenvalues()[size - 1 - c]);  // they ascend
    if (whole <= 0 || value <= 1e-14 * whole) break;
    const auto vector = solver.eigenvectors().col(size - 1 - c);
    Eigen::VectorXd scores =
        by_gram ? Eigen::VectorXd(vector * std::sqrt(value)) : columns.transpose() * vector;
    Eigen::Index largest = 0;
    scores.cwiseAbs().maxCoeff(&largest);
    if (scores[largest] < 0) scores = -scores;
    for (std::int64_t i = 0; i < rows; ++i) {
      found.scores[static_cast<std::size_t>(i * components + c)] = static_cast<float>(scores[i]);
    }
    found.variance_shares[static_cast<std::size_t>(c)] = value / whole;
  }
  return found;
}

}  // namespace triptych::eval
