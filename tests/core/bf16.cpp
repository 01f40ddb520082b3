// bf16 numbers: all 65,536 of them, and what lies between.
#include <triptych/core/bf16.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "support/catch.hpp"

using triptych::bf16;

namespace {
bf16 of_bits(std::uint32_t bits) { return std::bit_cast<bf16>(static_cast<std::uint16_t>(bits)); }
}  // namespace

TEST_CASE("every bf16 number comes back from float") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const float wide = of_bits(bits);
    const bf16 back = wide;
    // NaNs may come back quieter.
    if (std::isnan(wide) ? !std::isnan(float{back}) : back.bits != bits) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats go to the nearest bf16 number, of two to the even one") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7f7fu; ++bits) {  // neighbors below infinity
    const double low = double(float{of_bits(bits)}), high = double(float{of_bits(bits + 1)});
    const auto at = [&](double part) {
      return bf16(static_cast<float>(low + part * (high - low))).bits;
    };
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    if (at(0.25) != bits || at(0.75) != bits + 1 || at(0.5) != even) ++wrong;
    if (bf16(-static_cast<float>(low + 0.5 * (high - low))).bits != (even | 0x8000u)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(std::isinf(float{bf16(std::numeric_limits<float>::max())}));
}

TEST_CASE("arithmetic on bf16 numbers is that of floats, and what is assigned is rounded") {
  const bf16 one = 1.0f, small = 0x1p-8f;
  static_assert(std::is_same_v<decltype(one + small), float>);
  static_assert(std::is_same_v<triptych::compute_type<bf16>, float>);
  CHECK(one + small == 1.00390625f);
  bf16 sum = one + small;
  CHECK(sum == 1.0f);  // halfway to 1 + 2^-7: the even one
  sum += -3 * one;
  CHECK(sum == -2.0f);
}
