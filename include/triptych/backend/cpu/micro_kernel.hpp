// triptych/backend/cpu/micro_kernel.hpp
//
// The small matrix product whose sums stay in registers: R rows of A, V vectors of columns of B.
//
//   c[r, :] (+)= sum over k < depth of  a[r a_row + k a_step] b[k, :]
//
//                  b[k] |---- V vectors ----|            for every k:
//      a[0, k]  ->      |  sum  sum  sum    |               R broadcasts, V loads,
//      a[1, k]  ->      |  sum  sum  sum    |               R V multiply-adds
//      ...  R of them   |                   |
//
// B is packed: V vectors a row, row after row. A is read where it lies: by rows (a_step = 1) or,
// for a transposed A, by columns (a_row = 1). The sum starts at zero and is added to c at the end,
// so that rounding grows with the depth of one call and the number of calls, not with their
// product.
//
// The first block of rows meets B while it comes from far away, at a fifth of the speed of the
// others. So whoever multiplies may say which panel is `next` in B's place: its lines are asked for
// one by one between the multiply-adds.
//
// Every number is one chain of multiply-adds in the order of k, in whatever block its row is.
// Cost: depth R V multiply-adds, at 0.9 and more of the machine's peak from 8 sums on.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <triptych/backend/cpu/simd.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>

namespace triptych::cpu::inline TRIPTYCH_ISA {

/// The operands of one register block; pitches count floats.
struct product_block {
  const float* a;
  std::int64_t a_row, a_step;
  const float* b;
  float* c;
  std::int64_t c_row;
  std::int64_t depth;
  bool add;                     ///< to c, instead of overwriting it
  const float* next = nullptr;  ///< what will be b after this one, or null
};

template <int Vectors, int Rows>
void multiply(const product_block& p) {
  using namespace simd;
  matrix_of<vector, Rows, Vectors> sum;
  TRIPTYCH_UNROLL
  for (int r = 0; r < Rows; ++r) {
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[r][v] = vector{};
  }
  array_of<const float*, Rows> a;
  TRIPTYCH_UNROLL
  for (int r = 0; r < Rows; ++r) a[r] = p.a + r * p.a_row;
  if (p.add) {
    TRIPTYCH_UNROLL
    for (int r = 0; r < Rows; ++r) {
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) __builtin_prefetch(p.c + r * p.c_row + v * width);
    }
  }
  // While this block is summed, the rows of the next one come nearer.
  if (p.a_step == 1) {
    constexpr std::int64_t line = 16;
    for (std::int64_t k = 0; k < p.depth; k += line) {
      TRIPTYCH_UNROLL
      for (int r = 0; r < Rows; ++r) __builtin_prefetch(a[r] + k + Rows * p.a_row);
    }
  }
  const float *b = p.b, *next = p.next;
  for (std::int64_t k = 0, at = 0; k < p.depth; ++k, at += p.a_step, b += Vectors * width) {
    __builtin_prefetch(next);
    next += Vectors * width;
    array_of<vector, Vectors> row;
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v) row[v] = load(b + v * width);
    TRIPTYCH_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const float x = a[r][at];
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[r][v] = simd::multiply_add(row[v], x, sum[r][v]);
    }
  }
  if (p.add) {
    TRIPTYCH_UNROLL
    for (int r = 0; r < Rows; ++r) {
      TRIPTYCH_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[r][v] += load(p.c + r * p.c_row + v * width);
    }
  }
  TRIPTYCH_UNROLL
  for (int r = 0; r < Rows; ++r) {
    TRIPTYCH_UNROLL
    for (int v = 0; v < Vectors; ++v) store(sum[r][v], p.c + r * p.c_row + v * width);
  }
}

/// multiply<Vectors, r> for r = 1, 2, ...
template <int Vectors>
inline constexpr auto multiply_table = []<int... R>(std::integer_sequence<int, R...>) {
  return std::array{&multiply<Vectors, R + 1>...};
}
(std::make_integer_sequence<int, simd::most_rows(Vectors)>{});

/// All `rows` rows of a product with one panel of B, `vectors` wide, block by block. The first
/// blocks share out the lines of the next panel.
inline void multiply_rows(int vectors, std::int64_t rows, product_block p) {
  const auto with = [&](const auto& table) {
    const auto most = static_cast<std::int64_t>(table.size());
    const std::int64_t blocks = shares(rows, most);
    const float* const a = p.a;
    float* const c = p.c;
    const float* const next = p.next;
    constexpr std::int64_t line = 16;
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::int64_t begin = share_begin(rows, blocks, i);
      const std::int64_t end = share_begin(rows, blocks, i + 1);
      p.a = a + begin * p.a_row;
      p.c = c + begin * p.c_row;
      const bool asks = next != nullptr && i * line < vectors * simd::width;
      p.next = asks ? next + i * line : p.b;
      table[static_cast<std::size_t>(end - begin - 1)](p);
    }
  };
  switch (vectors) {
  case 1:
    return with(multiply_table<1>);
  case 2:
    return with(multiply_table<2>);
  case 3:
    return with(multiply_table<std::min(3, simd::most_vectors)>);
  default:
    return with(multiply_table<simd::most_vectors>);
  }
}

/// The columns of a matrix as panels of equal width, a few vectors each, zeros behind the last one.
struct column_panels {
  int vectors;                ///< of a panel
  std::int64_t lanes, count;  ///< floats of a panel's row; panels

  explicit column_panels(std::int64_t columns) {
    const std::int64_t needed = shares(columns, simd::width);
    count = shares(needed, simd::most_vectors);
    vectors = static_cast<int>((needed + count - 1) / count);
    lanes = std::int64_t{vectors} * simd::width;
  }
  /// Floats of a row, all panels together.
  [[nodiscard]] std::int64_t size() const { return count * lanes; }
};

}  // namespace triptych::cpu::inline TRIPTYCH_ISA
