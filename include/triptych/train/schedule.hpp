// triptych/train/schedule.hpp
//
// Learning rates as functions of the step, t = 0 ... T-1.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/core/cosine_decay.hpp>

namespace triptych::train {

/// Linear from base / warm-up to base over the first `warmup` steps, then cosine over the rest.
struct schedule {
  double base = 0.1;
  std::int64_t steps = 1;
  std::int64_t warmup = 0;
  bool constant = false;  ///< stay at base after the warm-up

  [[nodiscard]] double operator()(std::int64_t step) const {
    if (step < warmup) {
      return base * static_cast<double>(step + 1) / static_cast<double>(warmup);
    }
    if (constant) return base;
    return cosine_decay(base, step - warmup, std::max<std::int64_t>(1, steps - warmup));
  }
};

}  // namespace triptych::train
