// apps/triptych/report/axis.hpp
//
// The axis of a chart: which numbers it covers, where its ticks are, and how they are written.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace triptych::app {

/// From `low` to `high`, with ticks at the multiples of `step` that lie between them. The step is
/// 1, 2 or 5 times a power of ten.
struct axis {
  double low = 0, high = 1, step = 1;

  [[nodiscard]] std::vector<double> ticks() const;

  /// How far `value` is along the axis: 0 at `low` or below it, 1 at `high` or above it.
  [[nodiscard]] double share(double value) const {
    return std::clamp((value - low) / (high - low), 0.0, 1.0);
  }
};

inline constexpr double axis_limit = 1e300;  ///< axes go no further, so that no length overflows

/// An axis for numbers from `low` to `high`, as far as `axis_limit` allows, with about `ticks`
/// ticks; numbers that are equal, or too near to each other to be told apart, get some room on
/// either side.
axis axis_for(double low, double high, int ticks);

/// The same with its ends moved outward to ticks.
axis round_axis_for(double low, double high, int ticks);

/// A tick in as many digits as its axis needs: "0.25", "20k", "1.5M", "2e-06".
std::string tick_text(double value, double step);

/// A number for reading: four digits that count.
std::string short_number(double value);

}  // namespace triptych::app
