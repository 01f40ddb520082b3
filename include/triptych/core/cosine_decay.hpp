// triptych/core/cosine_decay.hpp
//
// The schedule of everything that falls along half a cosine: learning rates, BYOL's momentum.
#pragma once

#include <cstdint>

#include <triptych/core/portable_math.hpp>

namespace triptych {

/// base / 2 * (1 + cos(pi t / T)): from base to almost 0 in T steps (method.md section 3).
constexpr double cosine_decay(double base, std::int64_t step, std::int64_t steps) {
  return 0.5 * base *
         (1.0 + portable_cos_pi(static_cast<double>(step) / static_cast<double>(steps)));
}

}  // namespace triptych
