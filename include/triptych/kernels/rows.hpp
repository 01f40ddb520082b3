// triptych/kernels/rows.hpp
//
// Functors over the rows of a matrix, functor(r): normalisation to unit length, softmax
// cross-entropy, argmax, gather.
// Cost: one to three passes over a row that stays in cache.
#pragma once

#include <cmath>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/operands.hpp>

namespace triptych::kernels {

/// The inner product of two rows, summed in sixteen interleaved parts: a fixed order that vector
/// units can follow.
template <class T>
TRIPTYCH_HOST_DEVICE T dot(const T* a, const T* b, std::int64_t n) {
  constexpr int lanes = 16;
  T part[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int l = 0; l < lanes; ++l) part[l] += a[i + l] * b[i + l];
  }
  for (int l = 0; i < n; ++i, ++l) part[l] += a[i] * b[i];
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) part[l] += part[l + half];
  }
  return part[0];
}

/// y = x / max(|x|, 1e-12), the convention of torch.nn.functional.normalize.
template <class T>
struct normalize_row {
  const T* x;
  int columns;
  T* y;
  T* inverse_norm;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t r) const {
    const T* in = x + r * columns;
    T* out = y + r * columns;
    const T norm = std::sqrt(dot(in, in, columns));
    const T inverse = T(1) / (norm < T(1e-12) ? T(1e-12) : norm);
    for (int c = 0; c < columns; ++c) out[c] = in[c] * inverse;
    inverse_norm[r] = inverse;
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

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t r) const {
    const T* unit = y + r * columns;
    const T* g = dy + r * columns;
    T* out = dx + r * columns;
    const T along = dot(unit, g, columns);
    const T factor = scale * inverse_norm[r];
    for (int c = 0; c < columns; ++c) out[c] += factor * (g[c] - unit[c] * along);
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

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t r) const {
    const std::int64_t columns = shape.columns;
    T* row = logits + r * columns;
    const std::int64_t label = (r + shape.label_offset) % columns;
    const std::int64_t masked = shape.mask_self ? r : -1;
    const auto takes_part = [&](std::int64_t c) {
      return c == label || (c != masked && c >= shape.positives);
    };
    T largest = row[label];
    for (std::int64_t c = 0; c < columns; ++c) {
      if (takes_part(c) && row[c] > largest) largest = row[c];
    }
    const T at_label = row[label] - largest;
    T sum = T(0);
    for (std::int64_t c = 0; c < columns; ++c) {
      row[c] = takes_part(c) ? std::exp(row[c] - largest) : T(0);
      sum += row[c];
    }
    loss[r] = std::log(sum) - at_label;
    const T factor = scale / sum;
    for (std::int64_t c = 0; c < columns; ++c) row[c] *= factor;
    row[label] -= scale;
  }
};

/// The column of a row's largest value; ties go to the lowest column.
template <class T>
struct argmax_row {
  const T* x;
  std::int64_t columns;
  int* index;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t r) const {
    const T* row = x + r * columns;
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < columns; ++c) {
      if (row[c] > row[best]) best = c;
    }
    index[r] = static_cast<int>(best);
  }
};

/// y row r = x row index[r]
template <class T>
struct gather_row {
  const T* x;
  const int* index;
  int columns;
  T* y;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t r) const {
    const T* in = x + std::int64_t{index[r]} * columns;
    for (int c = 0; c < columns; ++c) y[r * columns + c] = in[c];
  }
};

}  // namespace triptych::kernels
