// triptych/backend/cpu/transposition.hpp
//
// Transposes a matrix of floats, a square of as many rows as a vector has lanes at a time: in each
// of log2(lanes) rounds, row i and row i + s exchange every other run of s lanes.
//
//   a a a a      s = 2    a a c c      s = 1    a b c d
//   b b b b      ---->    b b d d      ---->    a b c d
//   c c c c               a a c c               a b c d
//   d d d d               b b d d               a b c d
//
// Cost: log2(lanes) shuffles a vector.
#pragma once

#include <cstdint>
#include <utility>

#include <triptych/backend/cpu/simd.hpp>
#include <triptych/config.hpp>

namespace triptych::cpu::inline TRIPTYCH_ISA {

/// Exchanges the upper of two runs of S lanes in `a` with the lower in `b`, over and over.
template <int S, int... Lane>
[[gnu::always_inline]] inline void exchange(simd::vector& a, simd::vector& b,
                                            std::integer_sequence<int, Lane...>) {
  constexpr int w = simd::width;
  const simd::vector lower = __builtin_shufflevector(a, b, (Lane & S ? w + Lane - S : Lane)...);
  b = __builtin_shufflevector(a, b, (Lane & S ? w + Lane : Lane + S)...);
  a = lower;
}

template <int S = simd::width / 2>
[[gnu::always_inline]] inline void transpose_square(simd::vector (&row)[simd::width]) {
  TRIPTYCH_UNROLL
  for (int i = 0; i < simd::width; ++i) {
    if ((i & S) == 0) {
      exchange<S>(row[i], row[i + S], std::make_integer_sequence<int, simd::width>{});
    }
  }
  if constexpr (S > 1) transpose_square<S / 2>(row);
}

/// to[c to_pitch + r] = scale from[r from_pitch + c] for r < rows, c < columns.
inline void transpose(std::int64_t rows, std::int64_t columns, const float* from,
                      std::int64_t from_pitch, float* to, std::int64_t to_pitch, float scale = 1) {
  using namespace simd;
  const std::int64_t full_rows = rows / width * width, full_columns = columns / width * width;
  for (std::int64_t r = 0; r < full_rows; r += width) {
    for (std::int64_t c = 0; c < full_columns; c += width) {
      vector row[width];
      TRIPTYCH_UNROLL
      for (int i = 0; i < width; ++i) row[i] = load(from + (r + i) * from_pitch + c) * scale;
      transpose_square(row);
      TRIPTYCH_UNROLL
      for (int i = 0; i < width; ++i) store(row[i], to + (c + i) * to_pitch + r);
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = r < full_rows ? full_columns : 0; c < columns; ++c) {
      to[c * to_pitch + r] = scale * from[r * from_pitch + c];
    }
  }
}

}  // namespace triptych::cpu::inline TRIPTYCH_ISA
