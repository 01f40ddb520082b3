// triptych/eval/logistic_regression.hpp
//
// Multinomial logistic regression on frozen features, trained to convergence. The problem is
// strictly convex in the weights, so its answer depends on the features and the penalty alone: no
// seed, no learning rate, no number of epochs. Right for small sets, ablations and monitoring.
//
// N rows, D features, C classes. Minimized by L-BFGS in double precision:
//   f(W, b) = -(1/N) sum_i log softmax(W x_i + b)[y_i] + (l2/2) |W|^2        (b is not penalized)
// Cost: 4 N D C operations per evaluation of f and its gradient; some hundred evaluations. One
// second for 5,000 x 512 on two cores; with the choice of the penalty a minute of one core for
// 50,000 x 128 in 100 classes, three minutes for 100,000 x 128 in 200. Checked against
// scikit-learn: f agrees to 1e-9.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/lbfgs_options.hpp>

namespace triptych::eval {

struct logistic_options {
  /// Weight of |W|^2 / 2 against the mean loss (scikit-learn's C is 1 / (l2 N)). The default is
  /// what `choose_l2` finds on 128 random features of 5,085 CIFAR-10 images; with 512 features the
  /// same images want 1e-1. Fixed, so that runs compare; never tuned on test rows.
  double l2 = 1e-2;
  lbfgs_options solver{};
};

struct logistic_result {
  confusion_matrix test{};
  confusion_matrix train{};
  double loss = 0;           ///< f at the end
  double gradient_norm = 0;  ///< of f at the end
  int iterations = 0;
  bool converged = false;
};

/// Where a fit is. Whoever is told changes no bit; what he throws ends the fit.
struct fit_progress {
  double l2 = 0;
  int iteration = 0;
  double gradient_norm = 0;
};
using fit_watch = std::function<void(const fit_progress&)>;

/// Standardizes both sets by the training features, fits on `train` and reports on both. Takes
/// copies, because it standardizes them: move in what is not needed any more. Throws on sets that
/// do not fit and on a penalty that is not positive.
logistic_result logistic_regression(feature_set train, feature_set test,
                                    const logistic_options& options, thread_pool& pool,
                                    const fit_watch& watch = {});

inline constexpr std::array<double, 5> usual_l2{1, 1e-1, 1e-2, 1e-3, 1e-4};

/// The candidate penalty with the least cross-entropy on every fifth training row of each class,
/// fitted on the others: a choice that sees no test row. From the largest penalty down, each fit
/// from where the one before ended, until one is worse: the smallest take by far the longest, and
/// what has begun to overfit does not stop. Among equals the largest. Throws if no class has five
/// rows.
double choose_l2(const feature_set& train, thread_pool& pool,
                 std::span<const double> candidates = usual_l2, const lbfgs_options& solver = {},
                 const fit_watch& watch = {});

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/logistic_regression_inl.hpp>
#endif
