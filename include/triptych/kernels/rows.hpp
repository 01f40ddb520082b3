// triptych/kernels/rows.hpp
//
// Functors over the rows of a matrix, functor(g, r) for a group g of lanes (kernels/group.hpp) and
// a row r: normalization to unit length, softmax cross-entropy, argmax, gather, sums. Cost: one to
// three passes over a row that stays in cache.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <triptych/config.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// y = x / max(|x|, 1e-12), the convention of torch.nn.functional.normalize.
template <class T>
struct normalize_row {
  const T* x;
  int columns;
  T* y;
  T* inverse_norm;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* in = x + r * columns;
    T* out = y + r * columns;
    const T square = g.template sum<T>(columns, [=](std::int64_t c) { return in[c] * in[c]; });
    const T norm = std::sqrt(square);
    const T inverse = T(1) / (norm < T(1e-12) ? T(1e-12) : norm);
    g.each(columns, [=](std::int64_t c) { out[c] = in[c] * inverse; });
    T* const kept = inverse_norm + r;
    g.each(1, [=](std::int64_t) { *kept = inverse; });
  }
};

/// dx += scale * (dy - y (y . dy)) / |x|: the gradient through normalize_row.
template <class T>
struct normalize_row_gradient {
  const T* y;
  const T* inverse_norm;
  const T* dy;
  int columns;
  T scale;
  T* dx;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* unit = y + r * columns;
    const T* d = dy + r * columns;
    T* out = dx + r * columns;
    const T along = g.template sum<T>(columns, [=](std::int64_t c) { return unit[c] * d[c]; });
    const T factor = scale * inverse_norm[r];
    g.each(columns, [=](std::int64_t c) { out[c] += factor * (d[c] - unit[c] * along); });
  }
};

/// Cross-entropy of a row of logits with one label; the logits become scale * (softmax - one-hot).
/// What takes part in a row is the label, and every other column but those that logit_shape masks.
template <class T>
struct softmax_cross_entropy_row {
  logit_shape shape;
  T scale;
  T* logits;
  T* loss;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t columns = shape.columns, positives = shape.positives;
    T* row = logits + r * columns;
    const std::int64_t label = (r + shape.label_offset) % columns;
    const auto takes_part = [=](std::int64_t c) { return c == label || c >= positives; };
    const T asked = row[label];
    const T largest = g.reduce(
        columns, asked, [=](std::int64_t c) { return takes_part(c) ? row[c] : asked; }, larger{});
    g.each(columns,
           [=](std::int64_t c) { row[c] = takes_part(c) ? std::exp(row[c] - largest) : T(0); });
    const T sum = g.template sum<T>(columns, [=](std::int64_t c) { return row[c]; });
    const T factor = scale / sum, whole = scale;
    g.each(columns,
           [=](std::int64_t c) { row[c] = row[c] * factor - (c == label ? whole : T(0)); });
    T* const result = loss + r;
    g.each(1, [=](std::int64_t) { *result = std::log(sum) - (asked - largest); });
  }
};

/// A number and where it stands.
template <class T>
struct ranked {
  T value;
  std::int64_t at;
};

/// The larger of two; of equals the first. A place below 0 stands for nothing.
struct first_larger {
  template <class T>
  TRIPTYCH_HOST_DEVICE ranked<T> operator()(const ranked<T>& a, const ranked<T>& b) const {
    if (b.at < 0) return a;
    if (a.at < 0) return b;
    const bool second = b.value > a.value || (b.value == a.value && b.at < a.at);
    return second ? b : a;
  }
};

/// The column of a row's largest value; ties go to the lowest column.
template <class T>
struct argmax_row {
  const T* x;
  std::int64_t columns;
  int* index;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* row = x + r * columns;
    const ranked<T> best = g.reduce(
        columns, ranked<T>{T(0), -1},
        [=](std::int64_t c) {
          return ranked<T>{row[c], c};
        },
        first_larger{});
    int* const result = index + r;
    g.each(1, [=](std::int64_t) { *result = static_cast<int>(best.at); });
  }
};

/// y row r = x row index[r]
template <class T>
struct gather_row {
  const T* x;
  const int* index;
  int columns;
  T* y;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* in = x + std::int64_t{index[r]} * columns;
    T* out = y + r * columns;
    g.each(columns, [=](std::int64_t c) { out[c] = in[c]; });
  }
};

}  // namespace triptych::kernels
