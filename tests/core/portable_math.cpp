#include <triptych/core/portable_math.hpp>

#include <cmath>
#include <limits>

#include "support/catch.hpp"

using triptych::portable_exp;
using triptych::portable_log;

TEST_CASE("the portable exponential agrees with the C library's to the last digits") {
  for (double x = -707.9; x < 707.9; x += 0.0371) {
    const double expected = std::exp(x);
    REQUIRE(std::abs(portable_exp(x) - expected) <= 5e-16 * expected);
  }
  CHECK(portable_exp(0.0) == 1.0);
}

TEST_CASE("the portable exponential has the right limits") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(portable_exp(-709.0) == 0.0);
  CHECK(portable_exp(-infinity) == 0.0);
  CHECK(portable_exp(709.0) == infinity);
  CHECK(portable_exp(infinity) == infinity);
  CHECK(std::isnan(portable_exp(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("the portable logarithm agrees with the C library's to the last digits") {
  for (double x = 1e-30; x < 1e30; x *= 1.0371) {
    const double expected = std::log(x);
    REQUIRE(std::abs(portable_log(x) - expected) <= 1e-15 + 5e-16 * std::abs(expected));
  }
}
