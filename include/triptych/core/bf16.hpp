// triptych/core/bf16.hpp
//
// A number of 16 bits, the upper half of a float: its range, 7 bits behind the point. It is for
// memory alone: read, it is a float, and a float that is written to it is rounded.
#pragma once

#include <cstdint>
#include <type_traits>

#include <triptych/config.hpp>

#if !defined(__CUDA_ARCH__)
#include <bit>
#endif

namespace triptych {

struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  /// The nearest, of two equally near the even one; NaN stays NaN.
  TRIPTYCH_HOST_DEVICE bf16(float x) {  // NOLINT: converts as between built-in numbers
#if defined(__CUDA_ARCH__)
    const std::uint32_t all = __float_as_uint(x);
#else
    const auto all = std::bit_cast<std::uint32_t>(x);
#endif
    const bool nan = (all & 0x7fffffffu) > 0x7f800000u;
    const std::uint32_t up = nan ? all | 0x400000u : all + 0x7fffu + (all >> 16 & 1u);
    bits = static_cast<std::uint16_t>(up >> 16);
  }
  TRIPTYCH_HOST_DEVICE operator float() const {  // NOLINT: likewise
    const std::uint32_t all = std::uint32_t{bits} << 16;
#if defined(__CUDA_ARCH__)
    return __uint_as_float(all);
#else
    return std::bit_cast<float>(all);
#endif
  }
  TRIPTYCH_HOST_DEVICE bf16& operator+=(float x) { return *this = float{*this} + x; }
};

/// The type in which numbers of type T are computed with.
template <class T>
using compute_type = std::conditional_t<std::is_same_v<T, bf16>, float, T>;

}  // namespace triptych
