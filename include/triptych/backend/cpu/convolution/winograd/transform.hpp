// triptych/backend/cpu/convolution/winograd/transform.hpp
//
// Winograd's minimal convolution F(m x m, 3 x 3): m x m results of a 3x3 convolution from a tile of
// (m + 2) x (m + 2) source pixels with (m + 2)² products instead of 9 m² (Winograd 1980; Lavin and
// Gray, "Fast algorithms for convolutional neural networks", CVPR 2016).
//
//   Y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A         with, for points p_j (the last one at infinity),
//   Bᵀ row j    coefficients of the product of (x - p_k) over k != j; last row: over all k
//   G  row j    (1, p_j, p_j²) / product of (p_j - p_k) over k != j;  last row: (0, 0, 1)
//   A  row j    (1, p_j, p_j², ...);                                  last row: (0, ..., 0, 1)
//
// m = 2: points 0, 1, -1. m = 4: points 0, ±a, ±b with a² = 1/2, b² = 2: half the rounding error of
// the usual 0, ±1, ±2 (measured: 0.8e-6 against 1.7e-6 of the result's rms with 64 channels).
//
// Below are the one-dimensional transforms with their common sub-sums, on any type that has + and
// *; the tests compare them with the matrices above. The adjoints (G, A transposed) carry gradients
// back.
#pragma once

#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail {

template <int M>
struct transform;

/// What one direction of a tile takes: `sources` pixels from every `source_step`, `products`
/// with `distinct` different weights, `results`.
template <int M>
struct stride_one {
  static constexpr int sources = M + 2, source_step = M, results = M;
  static constexpr int products = M + 2, distinct = M + 2;
  static constexpr int weight(int product) { return product; }
};

template <>
struct transform<2> : stride_one<2> {
  static constexpr double points[] = {0, 1, -1};

  /// Bᵀ d
  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[4], T (&v)[4]) {
    v[0] = d[2] - d[0];
    v[1] = d[2] + d[1];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }
  /// Aᵀ m
  template <class T>
  [[gnu::always_inline]] static void output(const T (&m)[4], T (&y)[2]) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
  }
  /// A y
  template <class T>
  [[gnu::always_inline]] static void output_adjoint(const T (&y)[2], T (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
  }
  /// G w
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[4]) {
    const T even = (w[0] + w[2]) * 0.5f, odd = w[1] * 0.5f;
    u[0] = w[0] * -1.0f;
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = w[2];
  }
  /// Gᵀ u
  template <class T>
  [[gnu::always_inline]] static void weights_adjoint(const T (&u)[4], T (&w)[3]) {
    const T even = (u[1] + u[2]) * 0.5f;
    w[0] = even - u[0];
    w[1] = (u[1] - u[2]) * 0.5f;
    w[2] = even + u[3];
  }
};

template <>
struct transform<4> : stride_one<4> {
  static constexpr float a = 0.70710678f, b = 1.41421356f;  // squares: 1/2 and 2
  static constexpr double points[] = {0, double(a), double(-a), double(b), double(-b)};

  /// Bᵀ d
  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[6], T (&v)[6]) {
    const T even_a = d[4] - d[2] * 2.0f, odd_a = d[3] - d[1] * 2.0f;
    const T even_b = d[4] - d[2] * 0.5f, odd_b = d[3] - d[1] * 0.5f;
    v[0] = (d[4] + d[0]) - d[2] * 2.5f;
    v[1] = even_a + odd_a * a;
    v[2] = even_a - odd_a * a;
    v[3] = even_b + odd_b * b;
    v[4] = even_b - odd_b * b;
    v[5] = (d[5] + d[1]) - d[3] * 2.5f;
  }
  /// Aᵀ m
  template <class T>
  [[gnu::always_inline]] static void output(const T (&m)[6], T (&y)[4]) {
    const T even_a = m[1] + m[2], odd_a = (m[1] - m[2]) * a;
    const T even_b = m[3] + m[4], odd_b = (m[3] - m[4]) * b;
    y[0] = m[0] + (even_a + even_b);
    y[1] = odd_a + odd_b;
    y[2] = even_a * 0.5f + even_b * 2.0f;
    y[3] = odd_a * 0.5f + (odd_b * 2.0f + m[5]);
  }
  /// A y
  template <class T>
  [[gnu::always_inline]] static void output_adjoint(const T (&y)[4], T (&m)[6]) {
    const T even_a = y[2] * 0.5f + y[0], odd_a = y[3] * 0.5f + y[1];
    const T even_b = y[2] * 2.0f + y[0], odd_b = y[3] * 2.0f + y[1];
    m[0] = y[0];
    m[1] = even_a + odd_a * a;
    m[2] = even_a - odd_a * a;
    m[3] = even_b + odd_b * b;
    m[4] = even_b - odd_b * b;
    m[5] = y[3];
  }
  /// G w
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[6]) {
    const T even_a = (w[2] * 0.5f + w[0]) * (-2.0f / 3), odd_a = w[1] * (-2.0f / 3 * a);
    const T even_b = (w[2] * 2.0f + w[0]) * (1.0f / 6), odd_b = w[1] * (1.0f / 6 * b);
    u[0] = w[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = w[2];
  }
  /// Gᵀ u
  template <class T>
  [[gnu::always_inline]] static void weights_adjoint(const T (&u)[6], T (&w)[3]) {
    const T even_a = (u[1] + u[2]) * (-2.0f / 3), odd_a = (u[1] - u[2]) * (-2.0f / 3 * a);
    const T even_b = (u[3] + u[4]) * (1.0f / 6), odd_b = (u[3] - u[4]) * (1.0f / 6 * b);
    w[0] = u[0] + (even_a + even_b);
    w[1] = odd_a + odd_b;
    w[2] = even_a * 0.5f + (even_b * 2.0f + u[5]);
  }
};

/// A one-dimensional transform, In numbers to Out, along the columns and then along the rows of a
/// square: calls store(i, j, value) for the result of load(i, j).
template <int In, int Out, class T, class Transform, class Load, class Store>
[[gnu::always_inline]] inline void both_ways(const Transform& along, const Load& load,
                                             const Store& store) {
  matrix_of<T, Out, In> half;
  TRIPTYCH_UNROLL
  for (int j = 0; j < In; ++j) {
    array_of<T, In> from;
    array_of<T, Out> to;
    TRIPTYCH_UNROLL
    for (int i = 0; i < In; ++i) from[i] = load(i, j);
    along(from, to);
    TRIPTYCH_UNROLL
    for (int i = 0; i < Out; ++i) half[i][j] = to[i];
  }
  TRIPTYCH_UNROLL
  for (int i = 0; i < Out; ++i) {
    array_of<T, Out> to;
    along(half[i], to);
    TRIPTYCH_UNROLL
    for (int j = 0; j < Out; ++j) store(i, j, to[j]);
  }
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail
