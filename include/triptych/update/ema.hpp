// triptych/update/ema.hpp
//
// The momentum network's update: own <- m own + (1 - m) peer, over all parameters and none of the
// running statistics. Source: He et al., "Momentum contrast" (2020), eq. 2; method.md section 1.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/core/cosine_decay.hpp>
#include <triptych/update/policy.hpp>

namespace triptych::update {

struct ema {
  static constexpr source from = source::peer;
  double momentum = 0.99;  ///< m
  std::int64_t steps = 0;  ///< m rises to 1 within so many steps; 0: it is constant

  /// BYOL's schedule (Grill et al. 2020, section 3.2): 1 - (1 - m) (1 + cos(pi t / T)) / 2.
  [[nodiscard]] double at(std::int64_t step) const {
    return steps == 0 ? momentum : 1.0 - cosine_decay(1.0 - momentum, step, steps);
  }

  template <class B>
  void operator()(B& backend, const typename B::real* peer, std::size_t n, typename B::real* own,
                  std::int64_t step) const {
    backend.interpolate(static_cast<typename B::real>(at(step)), peer, n, own);
  }
};

}  // namespace triptych::update
