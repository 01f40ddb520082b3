// apps/triptych/commands/statistics.hpp
//
// A few numbers by seed, in short: their mean and the standard deviation of the sample (divided by
// n - 1), which one number does not have.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <triptych/io/json_text.hpp>

namespace triptych::app {

/// A number for each seed; nothing where it has not been measured.
using by_seed = std::vector<std::optional<double>>;

struct summary {
  std::size_t count = 0;
  double mean = 0;                  ///< 0 of none
  std::optional<double> deviation;  ///< of two or more
};

/// As JSON: null where it is not known or not finite.
inline std::string json_number(const std::optional<double>& x) {
  const auto text = x ? io::number_text(*x) : std::string();
  return text.empty() ? "null" : text;
}

inline summary summarize(const by_seed& values) {
  summary s;
  for (const auto& v : values) {
    if (v) s.mean += *v;
    s.count += v ? 1u : 0u;
  }
  if (s.count == 0) return s;
  s.mean /= static_cast<double>(s.count);
  if (s.count == 1) return s;
  double squares = 0;
  for (const auto& v : values) {
    if (v) squares += (*v - s.mean) * (*v - s.mean);
  }
  s.deviation = std::sqrt(squares / static_cast<double>(s.count - 1));
  return s;
}

/// values - reference, seed by seed, where both are known. What the seeds have in common cancels.
inline by_seed paired_difference(const by_seed& values, const by_seed& reference) {
  by_seed difference(values.size());
  for (std::size_t i = 0; i < values.size() && i < reference.size(); ++i) {
    if (values[i] && reference[i]) difference[i] = *values[i] - *reference[i];
  }
  return difference;
}

/// The share of Student's t distribution that lies within -t and t, for whole degrees of freedom.
/// Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
inline double student_t_within(double t, int degrees) {
  constexpr double pi = 3.14159265358979323846;
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const bool odd = degrees % 2 != 0;
  double term = odd ? cosine : 1, sum = degrees > 1 ? term : 0;
  for (int k = odd ? 3 : 2; k < degrees; k += 2) {
    term *= cosine * cosine * (k - 1) / k;
    sum += term;
  }
  return odd ? 2 / pi * (angle + sine * sum) : sine * sum;
}

/// The t within which lies 95 % of the distribution; of one degree of freedom or more.
inline double student_t_95(int degrees) {
  constexpr double share = 0.95;
  double low = 0, high = 16;  // of one degree 12.7
  constexpr int halvings = 60;
  for (int i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    (student_t_within(middle, degrees) < share ? low : high) = middle;
  }
  return low;
}

}  // namespace triptych::app
