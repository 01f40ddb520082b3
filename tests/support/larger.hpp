// The worst of many differences, which NaN must not hide.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace triptych::test {

/// The larger of two numbers; NaN is larger than any.
inline double larger(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::infinity() : std::max(a, b);
}

}  // namespace triptych::test
