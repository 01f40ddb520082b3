// triptych/eval/logistic_regression.hpp
//
// Multinomial logistic regression on frozen features, trained to convergence. The problem is
// strictly convex in the weights, so its answer depends on the features and the penalty alone: no
// seed, no learning rate, no number of epochs. Right for small sets, ablations and monitoring.
//
// N rows, D features, C classes. Minimised by L-BFGS in double precision:
//   f(W, b) = -(1/N) sum_i log softmax(W x_i + b)[y_i] + (l2/2) |W|^2        (b is not penalised)
// Cost: 4 N D C operations per evaluation of f and its gradient; some hundred evaluations. One
// second for 5,000 x 512 on two cores. Checked against scikit-learn: f agrees to 1e-9.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <triptych/core/error.hpp>
#include <triptych/core/portable_math.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/lbfgs.hpp>

namespace triptych::eval {

struct logistic_options {
  /// Weight of |W|^2 / 2 against the mean loss (scikit-learn's C is 1 / (l2 N)). The default is
  /// what `choose_l2` finds on 128 random features of 5,085 CIFAR-10 images; with 512 features the
  /// same images want 1e-1. Fixed, so that runs compare; never tuned on test rows.
  double l2 = 1e-2;
  lbfgs_options solver{};
};

/// f and its gradient. The parameters are one vector: W (C, D) row-major, then b (C).
class softmax_objective {
 public:
  softmax_objective(const feature_set& train, double l2, thread_pool& pool)
      : train_(train), l2_(l2), pool_(pool) {}

  [[nodiscard]] Eigen::Index parameters() const {
    return static_cast<Eigen::Index>(train_.classes) * (train_.dim + 1);
  }

  /// The same bits for any number of threads: sixteen shards of rows, summed in order.
  double operator()(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) const {
    constexpr std::int64_t shards = 16;
    std::vector<Eigen::VectorXd> shard_gradients(shards);
    std::vector<double> shard_losses(shards);
    pool_.run(shards, [&](std::int64_t s) {
      const auto i = static_cast<std::size_t>(s);
      shard_gradients[i] = Eigen::VectorXd::Zero(parameters());
      shard_losses[i] =
          add_rows(train_.size * s / shards, train_.size * (s + 1) / shards, x, shard_gradients[i]);
    });
    double loss = 0;
    gradient.setZero();
    for (std::size_t s = 0; s < shards; ++s) {
      loss += shard_losses[s];
      gradient += shard_gradients[s];
    }
    const auto size = static_cast<double>(train_.size);
    const auto weights = x.head(static_cast<Eigen::Index>(train_.classes) * train_.dim);
    gradient /= size;
    gradient.head(weights.size()) += l2_ * weights;
    return loss / size + 0.5 * l2_ * weights.squaredNorm();
  }

 private:
  /// Adds the gradient of the rows [first, last) and returns their summed loss.
  double add_rows(std::int64_t first, std::int64_t last, const Eigen::VectorXd& x,
                  Eigen::VectorXd& gradient) const {
    constexpr std::int64_t block = 256;
    const Eigen::Index dim = train_.dim, classes = train_.classes;
    const Eigen::Map<const Eigen::MatrixXd> weights(x.data(), dim, classes);
    const auto bias = x.tail(classes);
    Eigen::Map<Eigen::MatrixXd> weight_gradient(gradient.data(), dim, classes);
    Eigen::MatrixXd rows, scores;  // D x block, C x block
    double loss = 0;
    for (std::int64_t r = first; r < last; r += block) {
      const std::int64_t count = std::min(block, last - r);
      rows = Eigen::Map<const Eigen::MatrixXf>(train_.row(r), dim, count).cast<double>();
      scores.noalias() = weights.transpose() * rows;
      scores.colwise() += bias;
      for (std::int64_t i = 0; i < count; ++i) {
        const auto label = train_.labels[static_cast<std::size_t>(r + i)];
        loss += softmax_loss(scores.data() + i * classes, train_.classes, label);
      }
      weight_gradient.noalias() += rows * scores.transpose();
      gradient.tail(classes) += scores.rowwise().sum();
    }
    return loss;
  }

  /// Turns one row of scores into the gradient of its loss, softmax minus one-hot; returns the
  /// loss.
  static double softmax_loss(double* scores, int classes, std::int32_t label) {
    const double highest = *std::max_element(scores, scores + classes);
    const double own = scores[label] - highest;
    double sum = 0;
    for (int c = 0; c < classes; ++c) sum += scores[c] = portable_exp(scores[c] - highest);
    for (int c = 0; c < classes; ++c) scores[c] /= sum;
    scores[label] -= 1.0;
    return portable_log(sum) - own;
  }

  const feature_set& train_;
  double l2_;
  thread_pool& pool_;
};

struct logistic_result {
  accuracy test{};
  accuracy train{};
  double loss = 0;           ///< f at the end
  double gradient_norm = 0;  ///< of f at the end
  int iterations = 0;
  bool converged = false;
};

/// Accuracy of the linear classifier `x` (as in softmax_objective) on `set`.
inline accuracy linear_accuracy(const Eigen::VectorXd& x, const feature_set& set) {
  constexpr std::int64_t block = 256;
  const Eigen::Map<const Eigen::MatrixXd> weights(x.data(), set.dim, set.classes);
  const auto bias = x.tail(set.classes);
  Eigen::MatrixXd scores;
  hit_count hits;
  for (std::int64_t r = 0; r < set.size; r += block) {
    const std::int64_t count = std::min(block, set.size - r);
    scores.noalias() = weights.transpose() *
                       Eigen::Map<const Eigen::MatrixXf>(set.row(r), set.dim, count).cast<double>();
    scores.colwise() += bias;
    for (std::int64_t i = 0; i < count; ++i) {
      hits.add(scores.data() + i * set.classes, set.classes,
               set.labels[static_cast<std::size_t>(r + i)]);
    }
  }
  return hits.percent();
}

namespace detail {

/// Minimises f on features that are standardised already, from zero.
inline lbfgs_result fit_softmax(const feature_set& train, const logistic_options& options,
                                thread_pool& pool) {
  if (!(options.l2 > 0) || !std::isfinite(options.l2)) {
    throw error::usage("logistic regression: l2 = " + std::to_string(options.l2) +
                       " must be a positive number, without which no optimum need exist; 1e-2 is "
                       "the default");
  }
  const softmax_objective objective(train, options.l2, pool);
  return minimise(objective, Eigen::VectorXd::Zero(objective.parameters()), options.solver);
}

}  // namespace detail

/// Standardises both sets by the training features, fits on `train` and reports on both. Takes
/// copies, because it standardises them: move in what is not needed any more. Throws on sets that
/// do not fit and on a penalty that is not positive.
inline logistic_result logistic_regression(feature_set train, feature_set test,
                                           const logistic_options& options, thread_pool& pool) {
  check_pair(train, test);
  const standardiser map = fit_standardiser(train);
  standardise(train, map);
  standardise(test, map);
  const lbfgs_result fit = detail::fit_softmax(train, options, pool);
  return {linear_accuracy(fit.x, test),
          linear_accuracy(fit.x, train),
          fit.value,
          fit.gradient_norm,
          fit.iterations,
          fit.converged};
}

/// The candidate penalty with the least cross-entropy on every fifth training row of each class,
/// fitted on the others: a choice that sees no test row. Among equals the first. Throws if no class
/// has five rows.
inline double choose_l2(const feature_set& train, thread_pool& pool,
                        const std::vector<double>& candidates = {1e-4, 1e-3, 1e-2, 1e-1, 1},
                        const lbfgs_options& solver = {}) {
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
  const standardiser map = fit_standardiser(fitted);
  standardise(fitted, map);
  standardise(held_out, map);
  const softmax_objective held_out_loss(held_out, 0.0, pool);
  Eigen::VectorXd unused(held_out_loss.parameters());
  double best = 0, least = std::numeric_limits<double>::infinity();
  for (const double l2 : candidates) {
    const double loss = held_out_loss(detail::fit_softmax(fitted, {l2, solver}, pool).x, unused);
    if (loss < least) {
      least = loss;
      best = l2;
    }
  }
  return best;
}

}  // namespace triptych::eval
