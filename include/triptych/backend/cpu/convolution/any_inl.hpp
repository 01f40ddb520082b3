// triptych/backend/cpu/convolution/any_inl.hpp
//
// The body of any.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/backend/cpu/convolution/implicit_gemm.hpp>
#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/config.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

TRIPTYCH_INLINE bool any::choose(std::string_view name) {
  static constexpr std::array all{of<fast>,        of<direct>,      of<implicit_gemm>,
                                  of<winograd<2>>, of<winograd<4>>, of<bf16_products<>>};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != name) continue;
    if (name == "bf16") bf16_products<>::need();
    chosen_ = all[i];
    return true;
  }
  return false;
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
