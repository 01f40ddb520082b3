// triptych/backend/cpu/convolution/winograd/strided.hpp
//
// Winograd's algorithm for 3x3 kernels with stride 2 and padding 1, one direction of it. Even and
// odd source pixels never meet in one tap:
//
//   y[t]        = x[2t] w1  +  (x[2t-1] w0 + x[2t+1] w2)       one tap on even, two on odd pixels
//   dx[2t]      = dy[t] w1                                      the data gradient, w turned: the even
//   dx[2t+1]    = dy[t] w2 + dy[t+1] w0                         results have one tap, the odd ones two
//
// Four results of two taps are F(4, 2): 5 products instead of 8. With the 4 of the single tap,
// which stay as they are, a tile of four takes 9 products instead of 12, and a square of 4 x 4
// takes 81 instead of 144:
//
//   source  o e o e o e o e o          forward: 9 pixels -> 9 products -> 4 results
//   product e e e e | F(4,2) of o      data gradient: 5 -> 9 -> 8
//   weight  0 0 0 0 | 1 2 3 4 5        the four single taps share one number: 6 x 6 weights for 81
//
// Points ±1/2, ±√2 and infinity: of the symmetric pairs that need no other constants, the least
// rounding error, 5e-7 of the result's rms with 64 channels (0, ±1, 2: 1e-6).
#pragma once

#include <triptych/config.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail {

/// F(4, 2): matrices as in transform.hpp, with two weights.
struct two_taps {
  static constexpr float a = 0.5f, b = 1.41421356f;  // squares: 1/4 and 2
  static constexpr double points[] = {double(a), double(-a), double(b), double(-b)};

  /// Bᵀ d
  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[5], T (&v)[5]) {
    const T even_a = d[3] - d[1] * 2.0f, odd_a = d[2] - d[0] * 2.0f;
    const T even_b = d[3] - d[1] * 0.25f, odd_b = d[2] - d[0] * 0.25f;
    v[0] = even_a + odd_a * a;
    v[1] = even_a - odd_a * a;
    v[2] = even_b + odd_b * b;
    v[3] = even_b - odd_b * b;
    v[4] = (d[4] - d[2] * 2.25f) + d[0] * 0.5f;
  }
  /// Aᵀ m
  template <class T>
  [[gnu::always_inline]] static void output(const T (&m)[5], T (&y)[4]) {
    const T even_a = m[0] + m[1], odd_a = (m[0] - m[1]) * a;
    const T even_b = m[2] + m[3], odd_b = (m[2] - m[3]) * b;
    y[0] = even_a + even_b;
    y[1] = odd_a + odd_b;
    y[2] = even_a * 0.25f + even_b * 2.0f;
    y[3] = odd_a * 0.25f + (odd_b * 2.0f + m[4]);
  }
  /// A y
  template <class T>
  [[gnu::always_inline]] static void output_adjoint(const T (&y)[4], T (&m)[5]) {
    const T even_a = y[2] * 0.25f + y[0], odd_a = y[3] * 0.25f + y[1];
    const T even_b = y[2] * 2.0f + y[0], odd_b = y[3] * 2.0f + y[1];
    m[0] = even_a + odd_a * a;
    m[1] = even_a - odd_a * a;
    m[2] = even_b + odd_b * b;
    m[3] = even_b - odd_b * b;
    m[4] = y[3];
  }
  /// G w
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[2], T (&u)[5]) {
    const T first_a = w[0] * (-4.0f / 7), last_a = w[1] * (-2.0f / 7);
    const T first_b = w[0] * (2.0f / 7 / b), last_b = w[1] * (2.0f / 7);
    u[0] = last_a + first_a;
    u[1] = last_a - first_a;
    u[2] = last_b + first_b;
    u[3] = last_b - first_b;
    u[4] = w[1];
  }
  /// Gᵀ u
  template <class T>
  [[gnu::always_inline]] static void weights_adjoint(const T (&u)[5], T (&w)[2]) {
    w[0] = (u[0] - u[1]) * (-4.0f / 7) + (u[2] - u[3]) * (2.0f / 7 / b);
    w[1] = ((u[2] + u[3]) - (u[0] + u[1])) * (2.0f / 7) + u[4];
  }
};

/// What the forward pass and the data gradient have in common: weights w0 w1 w2, the latter's
/// turned.
struct strided {
  static constexpr int products = 9, distinct = 6;
  /// The products of a row that share their weights are neighbors.
  static constexpr int weight(int product) { return product < 4 ? 0 : product - 3; }

  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[6]) {
    const T outer[2] = {w[0], w[2]};
    T transformed[5];
    two_taps::weights(outer, transformed);
    u[0] = w[1];
    TRIPTYCH_UNROLL
    for (int i = 0; i < 5; ++i) u[1 + i] = transformed[i];
  }
};

/// From a map to the one of half its extents; with its adjoints, the weight gradient too.
struct strided_forward : strided {
  static constexpr int sources = 9, source_step = 8, results = 4;

  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[9], T (&v)[9]) {
    const T odd[5] = {d[0], d[2], d[4], d[6], d[8]};
    T transformed[5];
    two_taps::input(odd, transformed);
    TRIPTYCH_UNROLL
    for (int i = 0; i < 4; ++i) v[i] = d[2 * i + 1];
    TRIPTYCH_UNROLL
    for (int i = 0; i < 5; ++i) v[4 + i] = transformed[i];
  }
  template <class T>
  [[gnu::always_inline]] static void output(const T (&m)[9], T (&y)[4]) {
    const T transformed[5] = {m[4], m[5], m[6], m[7], m[8]};
    two_taps::output(transformed, y);
    TRIPTYCH_UNROLL
    for (int i = 0; i < 4; ++i) y[i] += m[i];
  }
  template <class T>
  [[gnu::always_inline]] static void output_adjoint(const T (&y)[4], T (&m)[9]) {
    T transformed[5];
    two_taps::output_adjoint(y, transformed);
    TRIPTYCH_UNROLL
    for (int i = 0; i < 4; ++i) m[i] = y[i];
    TRIPTYCH_UNROLL
    for (int i = 0; i < 5; ++i) m[4 + i] = transformed[i];
  }
  template <class T>
  [[gnu::always_inline]] static void weights_adjoint(const T (&u)[6], T (&w)[3]) {
    const T transformed[5] = {u[1], u[2], u[3], u[4], u[5]};
    T outer[2];
    two_taps::weights_adjoint(transformed, outer);
    w[0] = outer[0];
    w[1] = u[0];
    w[2] = outer[1];
  }
};

/// From the gradient of the small map to that of the large one.
struct strided_backward : strided {
  static constexpr int sources = 5, source_step = 4, results = 8;

  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[5], T (&v)[9]) {
    T transformed[5];
    two_taps::input(d, transformed);
    TRIPTYCH_UNROLL
    for (int i = 0; i < 4; ++i) v[i] = d[i];
    TRIPTYCH_UNROLL
    for (int i = 0; i < 5; ++i) v[4 + i] = transformed[i];
  }
  template <class T>
  [[gnu::always_inline]] static void output(const T (&m)[9], T (&y)[8]) {
    const T transformed[5] = {m[4], m[5], m[6], m[7], m[8]};
    T odd[4];
    two_taps::output(transformed, odd);
    TRIPTYCH_UNROLL
    for (int i = 0; i < 4; ++i) {
      y[2 * i] = m[i];
      y[2 * i + 1] = odd[i];
    }
  }
};

}  // namespace triptych::convolution::inline TRIPTYCH_ISA::winograd_detail
