// triptych/eval/logistic_regression_inl.hpp
//
// The bodies of logistic_regression.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/lbfgs.hpp>
#include <triptych/eval/logistic_regression.hpp>
#include <triptych/eval/softmax_objective.hpp>

namespace triptych::eval {

namespace detail {

/// How the linear classifier `x` (as in softmax_objective) judges `set`.
inline confusion_matrix judged(const Eigen::VectorXd& x, const feature_set& set) {
  fix_eigen_blocking();
  constexpr std::int64_t block = 256;
  const Eigen::Map<const Eigen::MatrixXd> weights(x.data(), set.dim, set.classes);
  const auto bias = x.tail(set.classes);
  Eigen::MatrixXd scores;
  confusion_matrix found(set.classes);
  for (std::int64_t r = 0; r < set.size; r += block) {
    const std::int64_t count = std::min(block, set.size - r);
    scores.noalias() = weights.transpose() *
                       Eigen::Map<const Eigen::MatrixXf>(set.row(r), set.dim, count).cast<double>();
    scores.colwise() += bias;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t label = set.labels[static_cast<std::size_t>(r + i)];
      found.add(rank(scores.data() + i * set.classes, set.classes, label), label);
    }
  }
  return found;
}

/// Minimizes f on features that are standardized already, from `start`; from zero where that is
/// empty.
inline lbfgs_result fit_softmax(const feature_set& train, const logistic_options& options,
                                thread_pool& pool, const fit_watch& watch,
                                Eigen::VectorXd start = {}) {
  if (!(options.l2 > 0) || !std::isfinite(options.l2)) {
    throw error::usage("logistic regression: l2 = " + std::to_string(options.l2) +
                       " must be a positive number, without which no optimum need exist; 1e-2 is "
                       "the default");
  }
  const softmax_objective objective(train, options.l2, pool);
  if (start.size() == 0) start.setZero(objective.parameters());
  lbfgs_watch seen;
  if (watch) {
    seen = [&](int iteration, double norm) { watch({options.l2, iteration, norm}); };
  }
  return minimize(objective, std::move(start), options.solver, seen);
}

}  // namespace detail

TRIPTYCH_INLINE logistic_result logistic_regression(feature_set train, feature_set test,
                                                    const logistic_options& options,
                                                    thread_pool& pool, const fit_watch& watch) {
  check_pair(train, test);
  const standardizer map = fit_standardizer(train);
  standardize(train, map);
  standardize(test, map);
  const lbfgs_result fit = detail::fit_softmax(train, options, pool, watch);
  return {detail::judged(fit.x, test),
          detail::judged(fit.x, train),
          fit.value,
          fit.gradient_norm,
          fit.iterations,
          fit.converged};
}

TRIPTYCH_INLINE double choose_l2(const feature_set& train, thread_pool& pool,
                                 std::span<const double> candidates, const lbfgs_options& solver,
                                 const fit_watch& watch) {
  check(train, "training features");
  feature_set fitted{0, train.dim, train.classes, {}, {}}, held_out = fitted;
  std::vector<std::int64_t> seen(static_cast<std::size_t>(train.classes));
  for (std::int64_t i = 0; i < train.size; ++i) {
    const std::int32_t label = train.labels[static_cast<std::size_t>(i)];
    feature_set& part = ++seen[static_cast<std::size_t>(label)] % 5 == 0 ? held_out : fitted;
    part.values.insert(part.values.end(), train.row(i), train.row(i) + train.dim);
    part.labels.push_back(label);
    ++part.size;
  }
  if (held_out.size == 0 || candidates.empty()) {
    throw error::data("choose_l2: needs a class of at least five training rows and one candidate "
                      "penalty; take more images, or judge by knn alone");
  }
  const standardizer map = fit_standardizer(fitted);
  standardize(fitted, map);
  standardize(held_out, map);
  const softmax_objective held_out_loss(held_out, 0.0, pool);
  Eigen::VectorXd unused(held_out_loss.parameters());
  std::vector<double> falling(candidates.begin(), candidates.end());
  std::sort(falling.begin(), falling.end(), std::greater<>());
  double best = falling.front(), least = std::numeric_limits<double>::infinity();
  Eigen::VectorXd x;
  for (const double l2 : falling) {
    x = detail::fit_softmax(fitted, {l2, solver}, pool, watch, std::move(x)).x;
    const double loss = held_out_loss(x, unused);
    if (loss > least) break;
    if (loss < least) best = l2;
    least = loss;
  }
  return best;
}

}  // namespace triptych::eval
