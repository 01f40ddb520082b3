// Gradients against central differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "support/catch.hpp"
#include "support/larger.hpp"

namespace triptych::test {

/// Checks that `gradient` is the gradient of the number `f()` with respect to `x`, which f reads
/// and which is disturbed element by element and put back.
///
/// The difference is divided by the largest element of the gradient, because elements near zero are
/// differences of nearly equal numbers. At the default step, truncation (step^2 / 6 f''') and
/// rounding (1e-16 |f| / step) both stay near 1e-11. No kink of f may lie within a step of x. A
/// gradient that is zero everywhere shows nothing, and fails.
template <class F>
void check_gradient(const F& f, std::span<double> x, std::span<const double> gradient,
                    double tolerance = 1e-6, double step = 1e-5) {
  REQUIRE(x.size() == gradient.size());
  double largest = 0, worst = 0;
  std::size_t where = 0;
  double difference_there = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double here = x[i];
    x[i] = here + step;
    const double above = f();
    x[i] = here - step;
    const double below = f();
    x[i] = here;
    const double difference = (above - below) / (2 * step);
    largest = std::max({largest, std::abs(difference), std::abs(gradient[i])});
    const double off = larger(0, std::abs(difference - gradient[i]));
    if (off > worst) {
      worst = off;
      where = i;
      difference_there = difference;
    }
  }
  INFO("element " << where << " of " << x.size() << ": gradient " << gradient[where]
                  << ", central difference " << difference_there);
  REQUIRE(largest > 0);
  CHECK(worst / largest <= tolerance);
}

}  // namespace triptych::test
