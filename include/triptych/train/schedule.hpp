// triptych/train/schedule.hpp
//
// Learning rates as functions of the step, t = 0 ... T-1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <triptych/core/cosine_decay.hpp>

namespace triptych::train {

/// From step `step` on, counted from 0, the base rate is `base`.
struct rate_change {
  std::int64_t step = 0;
  double base = 0;
  friend bool operator==(const rate_change&, const rate_change&) = default;
};

/// Linear from base / warm-up to base over the first `warmup` steps, then cosine over the rest.
struct schedule {
  double base = 0.1;
  std::int64_t steps = 1;
  std::int64_t warmup = 0;
  bool constant = false;                  ///< stay at base after the warm-up
  std::vector<rate_change> changes = {};  ///< of the base, by ascending step

  /// The base that holds at a step.
  [[nodiscard]] double base_at(std::int64_t step) const {
    double rate = base;
    for (const auto& change : changes) {
      if (change.step <= step) rate = change.base;
    }
    return rate;
  }

  [[nodiscard]] double operator()(std::int64_t step) const {
    const double rate = base_at(step);
    if (step < warmup) {
      return rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
    }
    if (constant) return rate;
    return cosine_decay(rate, step - warmup, std::max<std::int64_t>(1, steps - warmup));
  }
};

}  // namespace triptych::train
