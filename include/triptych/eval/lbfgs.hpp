// triptych/eval/lbfgs.hpp
//
// Limited-memory BFGS: minimizes a smooth function of many variables from its value and gradient,
// without any random choice and without a learning rate to tune.
//
// Source: Nocedal, Wright, "Numerical optimization", algorithms 7.4 and 7.5; the line search by
// bisection for the weak Wolfe conditions is that of Lewis, Overton, "Nonsmooth optimization via
// quasi-Newton methods" (2013), algorithm 2.6.
// Cost: 4 `history` dot products per iteration beside, as a rule, one evaluation of the function.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/eval/lbfgs_options.hpp>

namespace triptych::eval {

struct lbfgs_result {
  Eigen::VectorXd x;
  double value = 0;
  double gradient_norm = 0;
  int iterations = 0;
  bool converged = false;  ///< the gradient's norm came down to the tolerance
};

namespace detail {

/// A point with the function's value and gradient there.
struct evaluated {
  Eigen::VectorXd x, gradient;
  double value = 0;
};

/// One step taken and the change of the gradient along it.
struct curvature {
  Eigen::VectorXd step, change;
};

/// -H g with the inverse Hessian H modeled on `memory`, oldest first (the two-loop recursion).
inline Eigen::VectorXd descent_direction(const Eigen::VectorXd& gradient,
                                         const std::vector<curvature>& memory) {
  Eigen::VectorXd q = -gradient;
  if (memory.empty()) return q / gradient.norm();
  std::vector<double> alpha(memory.size());
  for (std::size_t i = memory.size(); i-- > 0;) {
    const auto& [s, y] = memory[i];
    alpha[i] = s.dot(q) / s.dot(y);
    q -= alpha[i] * y;
  }
  const auto& [s, y] = memory.back();
  q *= s.dot(y) / y.squaredNorm();
  for (std::size_t i = 0; i < memory.size(); ++i) {
    q += (alpha[i] - memory[i].change.dot(q) / memory[i].step.dot(memory[i].change)) *
         memory[i].step;
  }
  return q;
}

/// A point x + t d where the value has fallen enough, up to rounding, and the slope has flattened
/// enough; false if rounding leaves none to be found.
template <class Objective>
bool line_search(const Objective& objective, const evaluated& from,
                 const Eigen::VectorXd& direction, evaluated& to) {
  constexpr double enough_fall = 1e-4, enough_flattening = 0.9;
  const double slope = from.gradient.dot(direction);
  const double rounding = 1e-14 * std::abs(from.value);
  double low = 0, high = std::numeric_limits<double>::infinity(), t = 1;
  for (int trial = 0; trial < 50; ++trial) {
    to.x = from.x + t * direction;
    to.value = objective(to.x, to.gradient);
    if (!(to.value <= from.value + enough_fall * t * slope + rounding)) {
      high = t;
    } else if (to.gradient.dot(direction) < enough_flattening * slope) {
      low = t;
    } else {
      return true;
    }
    t = std::isinf(high) ? 2 * t : (low + high) / 2;
  }
  return false;
}

}  // namespace detail

/// Called after each iteration. Changes no bit; what it throws ends the work.
using lbfgs_watch = std::function<void(int iteration, double gradient_norm)>;

/// Minimizes `objective` from `start`. `double objective(const VectorXd& x, VectorXd& gradient)`
/// returns the value at x and overwrites the gradient, which has the size of x.
template <class Objective>
lbfgs_result minimize(const Objective& objective, Eigen::VectorXd start,
                      const lbfgs_options& options = {}, const lbfgs_watch& watch = {}) {
  detail::evaluated here{std::move(start), {}, 0};
  here.gradient.resize(here.x.size());
  here.value = objective(here.x, here.gradient);
  detail::evaluated next = here;
  std::vector<detail::curvature> memory;
  int iteration = 0;
  for (; here.gradient.norm() > options.tolerance && iteration < options.max_iterations;
       ++iteration) {
    const Eigen::VectorXd direction = detail::descent_direction(here.gradient, memory);
    if (!detail::line_search(objective, here, direction, next)) break;
    if (memory.size() == options.history) memory.erase(memory.begin());
    memory.push_back({next.x - here.x, next.gradient - here.gradient});
    std::swap(here, next);
    if (watch) watch(iteration + 1, here.gradient.norm());
  }
  const double norm = here.gradient.norm();
  return {std::move(here.x), here.value, norm, iteration, norm <= options.tolerance};
}

}  // namespace triptych::eval
