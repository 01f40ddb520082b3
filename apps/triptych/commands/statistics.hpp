// apps/triptych/commands/statistics.hpp
//
// A few numbers by seed, in short: their mean and the standard deviation of the sample (divided by
// n - 1), which one number does not have.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace triptych::app {

/// A number for each seed; nothing where it has not been measured.
using by_seed = std::vector<std::optional<double>>;

struct summary {
  std::size_t count = 0;
  double mean = 0;                  ///< 0 of none
  std::optional<double> deviation;  ///< of two or more
};

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

}  // namespace triptych::app
