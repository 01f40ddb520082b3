// triptych/backend/cpu/simd.hpp
//
// The widest vector of floats that the compiler was told the machine has, as a plain C++ type with
// + and * (a GCC and clang extension), and how many of them make a register block.
#pragma once

#include <cstddef>
#include <cstring>

#if defined(__FMA__)
#include <immintrin.h>
#endif
#include <triptych/config.hpp>

// (clang would take it for a warning, which may be an error.)
#if defined(__x86_64__) && !defined(__AVX2__) && !defined(TRIPTYCH_COMPILED) &&                    \
    !defined(TRIPTYCH_BASELINE) && !defined(__clang__)
#pragma message(                                                                                   \
    "triptych: kernels for SSE2 alone, half as fast as those for AVX2; compile with -march=native, link triptych::compiled, or define TRIPTYCH_BASELINE if that is meant")
#endif

namespace triptych::inline TRIPTYCH_ISA::simd {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64, registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32, registers = 16;
#else
inline constexpr int vector_bytes = 16, registers = 16;
#endif

/// Floats in a vector.
inline constexpr int width = vector_bytes / static_cast<int>(sizeof(float));

using vector [[gnu::vector_size(vector_bytes)]] = float;

/// The most vectors that a register block is wide: 4 of 32 registers, 2 of 16.
inline constexpr int most_vectors = registers / 8;

/// How many rows of `vectors` vectors stay in registers at once. Enough independent sums to hide
/// the latency of an FMA, few enough to leave registers for the operands.
inline constexpr int most_rows(int vectors) {
  if (registers == 32) return vectors == 1 ? 16 : 24 / vectors;
  return 12 / vectors;
}

[[gnu::always_inline]] inline vector load(const float* p) {
  vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

[[gnu::always_inline]] inline void store(const vector& v, float* p) {
  std::memcpy(p, &v, sizeof v);
}

/// sum + a b, rounded once where the machine can. Were it written with + and *, the compiler would
/// choose for every loop by itself: g++ -march=znver3 rounds twice in a block of one sum and once
/// in wider ones, and a pixel's bits would depend on the block that it falls into.
[[gnu::always_inline]] inline vector multiply_add(const vector& a, const vector& b,
                                                  const vector& sum) {
#if defined(__FMA__) && defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, sum);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, sum);
#else
  return sum + a * b;
#endif
}
[[gnu::always_inline]] inline vector multiply_add(const vector& a, float b, const vector& sum) {
  return multiply_add(a, b - vector{}, sum);
}

}  // namespace triptych::inline TRIPTYCH_ISA::simd
