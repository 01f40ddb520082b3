// Where the ticks of a chart are.
#include "triptych/report/axis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "triptych/console.hpp"

namespace triptych::app {

namespace {

/// The least of 1, 2, 5 times a power of ten that is no less than `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= least * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

/// Digits behind the point that a step needs.
int digits_of(double step, int most) {
  return static_cast<int>(
      std::clamp(std::ceil(-std::log10(step) - 1e-9), 0.0, static_cast<double>(most)));
}

}  // namespace

axis axis_for(double low, double high, int ticks) {
  low = std::clamp(low, -axis_limit, axis_limit);
  high = std::clamp(high, -axis_limit, axis_limit);
  constexpr double smallest = 1e-290, nearest = 1e-12;
  const double size = std::max(std::abs(low), std::abs(high));
  if (!(high - low > std::max(smallest, nearest * size))) {
    const double room = size > smallest ? size / 10 : 1;
    low -= room;
    high += room;
  }
  return {low, high, round_step((high - low) / std::max(1, ticks))};
}

axis round_axis_for(double low, double high, int ticks) {
  axis a = axis_for(low, high, ticks);
  a.low = a.step * std::floor(a.low / a.step + 1e-9);
  a.high = a.step * std::ceil(a.high / a.step - 1e-9);
  return a;
}

std::vector<double> axis::ticks() const {
  std::vector<double> list;
  constexpr int most = 100;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < most; ++i) {
    const double at = (first + i) * step;
    if (at > high + 1e-9 * step) break;
    list.push_back(std::abs(at) < 1e-9 * step ? 0 : at);
  }
  return list;
}

std::string tick_text(double value, double step) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  const auto whole = [&](double unit, const char* letter) {
    return fixed(value / unit, digits_of(step / unit, 3)) + letter;
  };
  if (size >= 1e9 || size < 1e-4) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
  }
  if (size >= 1e6) return whole(1e6, "M");
  if (size >= 1e4) return whole(1e3, "k");
  return fixed(value, digits_of(step, 6));
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace triptych::app
