// triptych/update/ema.hpp
//
// The momentum network's update: own <- m own + (1 - m) peer, over all parameters and none of the
// running statistics. Source: He et al., "Momentum contrast" (2020), eq. 2; method.md section 1.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/update/policy.hpp>

namespace triptych::update {

struct ema {
  static constexpr source from = source::peer;
  double momentum = 0.99;  ///< m

  template <class B>
  void operator()(B& backend, const typename B::real* peer, std::size_t n, typename B::real* own,
                  std::int64_t /*step*/) const {
    backend.interpolate(static_cast<typename B::real>(momentum), peer, n, own);
  }
};

}  // namespace triptych::update
