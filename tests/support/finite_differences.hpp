// Gradients against central differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace triptych::test {

struct difference_check {
  double tolerance = 1e-6, step = 1e-5;
  /// Those of the `watched` backend on which f is computed, if it has kinks. An element whose steps
  /// lead across one is excused, at most every other.
  std::vector<int>* choices = nullptr;
  bool may_vanish = false;  ///< the gradient may be zero everywhere: no relu behind x is on
};

/// Checks that `gradient` is the gradient of the number `f()` with respect to `x`, which f reads
/// and which is disturbed element by element and put back.
///
/// The difference is divided by the largest element of the gradient, because elements near zero are
/// differences of nearly equal numbers. At the default step, truncation (step^2 / 6 f''') and
/// rounding (1e-16 |f| / step) both stay near 1e-11, for most f. Where they do not, behind a
/// BatchNorm of few rows, the differences of two larger steps are extrapolated (Richardson), which
/// lessens both. A gradient that is zero everywhere shows nothing, and fails.
template <class F>
void check_gradient(const F& f, std::span<double> x, std::span<const double> gradient,
                    const difference_check& check = {}) {
  REQUIRE(x.size() == gradient.size());
  const auto value_at = [&](double& element, double to) {
    const double here = std::exchange(element, to);
    if (check.choices != nullptr) check.choices->clear();
    const double value = f();
    element = here;
    return std::pair(value, check.choices != nullptr ? *check.choices : std::vector<int>());
  };
  double largest = 0;
  std::vector<double> differences(x.size());
  std::vector<bool> kinked(x.size());
  /// And whether the steps lead across a kink.
  const auto difference = [&](std::size_t i, double step) {
    const auto [above, chosen_above] = value_at(x[i], x[i] + step);
    const auto [below, chosen_below] = value_at(x[i], x[i] - step);
    return std::pair((above - below) / (2 * step), chosen_above != chosen_below);
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto [found, crosses] = difference(i, check.step);
    differences[i] = found;
    kinked[i] = crosses;
    REQUIRE((std::isfinite(differences[i]) && std::isfinite(gradient[i])));
    largest = std::max({largest, std::abs(differences[i]), std::abs(gradient[i])});
  }
  std::size_t excused = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto right = [&](double found) {
      return std::abs(found - gradient[i]) <= check.tolerance * largest;
    };
    if (right(differences[i])) continue;
    const auto [near, near_crosses] = difference(i, 4 * check.step);
    const auto [far, far_crosses] = difference(i, 8 * check.step);
    if (!near_crosses && !far_crosses && right((4 * near - far) / 3)) continue;
    INFO("element " << i << " of " << x.size() << ": gradient " << gradient[i]
                    << ", central difference " << differences[i]);
    REQUIRE(kinked[i]);
    ++excused;
  }
  CHECK(2 * excused <= x.size());
  if (!check.may_vanish) REQUIRE(largest > 0);
}

}  // namespace triptych::test
