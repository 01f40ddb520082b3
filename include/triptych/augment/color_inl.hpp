// triptych/augment/color_inl.hpp
//
// The bodies of color.hpp.
#pragma once

#include <array>
#include <cstddef>

#include <triptych/augment/color.hpp>
#include <triptych/config.hpp>

namespace triptych::augment {

TRIPTYCH_INLINE float mean_luma(const float* planes, std::size_t n) {
  constexpr std::size_t lanes = 16;
  std::array<float, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) {
      sums[l] += luma({planes[i + l], planes[n + i + l], planes[2 * n + i + l]});
    }
  }
  for (; i < n; ++i) sums[i % lanes] += luma({planes[i], planes[n + i], planes[2 * n + i]});
  double total = 0;
  for (const float s : sums) total += static_cast<double>(s);
  return static_cast<float>(total / static_cast<double>(n));
}

}  // namespace triptych::augment
