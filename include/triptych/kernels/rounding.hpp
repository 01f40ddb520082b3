// triptych/kernels/rounding.hpp
//
// Numbers of 16 bits, bf16: the upper half of a float. Functors over flat arrays, functor(i).
// Cost: one pass over memory.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>

#if !defined(__CUDA_ARCH__)
#include <bit>
#endif

namespace triptych::kernels {

using bf16 = std::uint16_t;

TRIPTYCH_HOST_DEVICE inline std::uint32_t bits_of(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  return std::bit_cast<std::uint32_t>(x);
#endif
}
TRIPTYCH_HOST_DEVICE inline float float_of(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// The nearest, of two equally near the even one; NaN stays NaN.
TRIPTYCH_HOST_DEVICE inline bf16 to_bf16(float x) {
  const std::uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<bf16>(bits >> 16 | 0x40u);
  return static_cast<bf16>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
TRIPTYCH_HOST_DEVICE inline float from_bf16(bf16 x) {
  return float_of(static_cast<std::uint32_t>(x) << 16);
}

/// A number of one type as one of another.
template <class To, class From>
TRIPTYCH_HOST_DEVICE To rounded(From x) {
  if constexpr (sizeof(To) == sizeof(From)) {
    return x;
  } else if constexpr (sizeof(To) == 2) {
    return to_bf16(x);
  } else {
    return from_bf16(x);
  }
}

/// y = x, or y += x
template <class From, class To>
struct convert {
  const From* x;
  To* y;
  bool accumulate;
  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const To v = rounded<To>(x[i]);
    y[i] = accumulate ? y[i] + v : v;
  }
};

}  // namespace triptych::kernels
