// bf16 numbers: all 65,536 of them, and what lies between.
#include <triptych/kernels/rounding.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace triptych::kernels;

TEST_CASE("every bf16 number comes back from float") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto number = static_cast<bf16>(bits);
    const float wide = from_bf16(number);
    const bf16 back = to_bf16(wide);
    // NaNs may come back quieter.
    if (std::isnan(wide) ? !std::isnan(from_bf16(back)) : back != number) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats go to the nearest bf16 number, of two to the even one") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7f7fu; ++bits) {  // neighbours below infinity
    const double low = double{from_bf16(static_cast<bf16>(bits))};
    const double high = double{from_bf16(static_cast<bf16>(bits + 1))};
    const auto at = [&](double part) {
      return to_bf16(static_cast<float>(low + part * (high - low)));
    };
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    if (at(0.25) != bits || at(0.75) != bits + 1 || at(0.5) != even) ++wrong;
    if (to_bf16(-static_cast<float>(low + 0.5 * (high - low))) != (even | 0x8000u)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(std::isinf(from_bf16(to_bf16(std::numeric_limits<float>::max()))));
}

TEST_CASE("conversion writes or adds") {
  const float x[3] = {1.0f, 1.00390625f, -3.0f};
  bf16 narrow[3] = {};
  for (int i = 0; i < 3; ++i) convert<float, bf16>{x, narrow, false}(i);
  float y[3] = {10, 10, 10};
  for (int i = 0; i < 3; ++i) convert<bf16, float>{narrow, y, true}(i);
  CHECK(y[0] == 11.0f);
  CHECK(y[1] == 11.0f);  // 1 + 2^-8 lies between 1 and 1 + 2^-7: the even one
  CHECK(y[2] == 7.0f);
  for (int i = 0; i < 3; ++i) convert<bf16, float>{narrow, y, false}(i);
  CHECK(y[2] == -3.0f);
}
