// triptych/core/portable_math.hpp
//
// Double-precision exponential, logarithm and cosine made of additions and multiplications only.
// The C library picks other code, and other last bits, for processors with and without FMA; these
// give the same bits wherever the same binary runs.
//
// Cost: about 20 multiply-adds for the exponential; the logarithm needs one exponential more.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <triptych/config.hpp>

namespace triptych {

/// e^x within 2 units in the last place for |x| <= 708; 0 below, infinity above, NaN for NaN.
inline double portable_exp(double x) {
  if (!(x >= -708.0)) return x < -708.0 ? 0.0 : x;
  if (x > 708.0) return std::numeric_limits<double>::infinity();
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, so that n times the first is exact.
  const double n = std::floor(x * 1.4426950408889634074 + 0.5);
  const double r = (x - n * 0x1.62e42fefp-1) - n * 0x1.473de6af278edp-34;
  double sum = 1.0;  // Taylor series to r^13 / 13!
  for (int k = 13; k > 0; --k) sum = 1.0 + sum * r / k;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023)
                                     << 52);
}

/// ln x for x within the range of a normal float: the float logarithm, refined by one step of
/// Halley's method, y + 2 (x - e^y) / (x + e^y), which triples the number of right digits.
inline double portable_log(double x) {
  const double y = double(std::log(static_cast<float>(x)));
  const double e = portable_exp(y);
  return y + 2.0 * (x - e) / (x + e);
}

/// cos(pi u) for u in [0, 1], within 2 units in the last place of 1: the Taylor series of sin or
/// cos on the half turn about the nearest of 0, 1/2 and 1.
constexpr double portable_cos_pi(double u) {
  constexpr double pi = 3.14159265358979323846;
  const bool middle = u > 0.25 && u < 0.75;
  const double x = pi * (middle ? 0.5 - u : (u <= 0.25 ? u : 1.0 - u));
  double sum = 1.0;
  for (int k = middle ? 19 : 18; k > 1; k -= 2) sum = 1.0 - sum * x * x / (k * (k - 1));
  if (middle) return x * sum;
  return u <= 0.25 ? sum : -sum;
}

}  // namespace triptych
