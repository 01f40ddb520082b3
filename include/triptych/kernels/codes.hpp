// triptych/kernels/codes.hpp
//
// Functors over rows for soft targets (loss/sinkhorn.hpp, loss/soft_cross_entropy.hpp). Cost: one
// to four passes over a row that stays in cache, with at most two exponentials a number.
#pragma once

#include <cmath>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// sum[r] = log sum_c exp(x[r, c] - offset[c])
template <class T>
struct log_sum_exp_row {
  const T* x;
  std::int64_t columns;
  const T* offset;
  T* sum;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* const row = x + r * columns;
    const T* const o = offset;
    const auto term = [=](std::int64_t c) { return row[c] - o[c]; };
    const T largest = g.reduce(columns, term(0), term, larger{});
    const T total =
        g.template sum<T>(columns, [=](std::int64_t c) { return std::exp(term(c) - largest); });
    T* const result = sum + r;
    g.each(1, [=](std::int64_t) { *result = largest + std::log(total); });
  }
};

/// y[r, c] = exp(x[r, c] - row_offset[r] - column_offset[c])
template <class T>
struct exp_row {
  const T* x;
  std::int64_t columns;
  const T *row_offset, *column_offset;
  T* y;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* const in = x + r * columns;
    T* const out = y + r * columns;
    const T* const o = column_offset;
    const T own = row_offset[r];
    g.each(columns, [=](std::int64_t c) { out[c] = std::exp(in[c] - own - o[c]); });
  }
};

/// Cross-entropy of softmax(scale x) in a row with targets that sum to 1:
///   loss[r] = log sum_c exp(scale x[r, c]) - sum_c target[r, c] scale x[r, c]
///   gradient[r, c] += weight (softmax(scale x) - target)[r, c]
template <class T>
struct soft_cross_entropy_row {
  const T *x, *target;
  std::int64_t columns;
  T scale, weight;
  T *loss, *gradient;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* const row = x + r * columns;
    const T* const wanted = target + r * columns;
    T* const d = gradient + r * columns;
    const T s = scale, w = weight;
    const T largest = g.reduce(
        columns, s * row[0], [=](std::int64_t c) { return s * row[c]; }, larger{});
    const T total =
        g.template sum<T>(columns, [=](std::int64_t c) { return std::exp(s * row[c] - largest); });
    const T along = g.template sum<T>(
        columns, [=](std::int64_t c) { return wanted[c] * (s * row[c] - largest); });
    g.each(columns, [=](std::int64_t c) {
      d[c] += w * (std::exp(s * row[c] - largest) / total - wanted[c]);
    });
    T* const result = loss + r;
    g.each(1, [=](std::int64_t) { *result = std::log(total) - along; });
  }
};

}  // namespace triptych::kernels
