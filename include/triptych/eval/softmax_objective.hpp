// triptych/eval/softmax_objective.hpp
//
// The function that logistic_regression.hpp minimizes, for other ways to minimize it.
#pragma once

#include <cstdint>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/features.hpp>

namespace triptych::eval {

/// f and its gradient. The parameters are one vector: W (C, D) row-major, then b (C).
class softmax_objective {
 public:
  /// The features must outlive it.
  softmax_objective(const feature_set& train, double l2, thread_pool& pool);

  [[nodiscard]] Eigen::Index parameters() const {
    return static_cast<Eigen::Index>(train_.classes) * (train_.dim + 1);
  }

  /// The same bits for any number of threads: sixteen shards of rows, summed in order.
  double operator()(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) const;

 private:
  /// Adds the gradient of the rows [first, last) and returns their summed loss.
  double add_rows(std::int64_t first, std::int64_t last, const Eigen::VectorXd& x,
                  Eigen::VectorXd& gradient) const;

  const feature_set& train_;
  double l2_;
  thread_pool& pool_;
};

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/softmax_objective_inl.hpp>
#endif
