// triptych/kernels/nt_xent.hpp
//
// NT-Xent (loss/nt_xent.hpp) over rows of logits. Rows are those of two views, n each, columns those
// of two views, N each; rows are n of the N, from number `first` on. Cost: three passes over a row
// that stays in cache, two exponentials a number.
#pragma once

#include <cmath>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// Which column is a row itself, and which is its positive.
struct pairs {
  std::int64_t n, all, first;

  [[nodiscard]] TRIPTYCH_HOST_DEVICE std::int64_t columns() const { return 2 * all; }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE std::int64_t self(std::int64_t r) const {
    return r / n * all + first + r % n;
  }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE std::int64_t positive(std::int64_t r) const {
    return (1 - r / n) * all + first + r % n;
  }
};

/// log_sum[r] = log of the sum of exp(logit) over all columns but the row itself, and loss[r] = that
/// - the positive's logit.
template <class T>
struct nt_xent_row {
  pairs at;
  const T* logits;
  T *log_sum, *loss;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t columns = at.columns(), self = at.self(r);
    const T* const row = logits + r * columns;
    const T asked = row[at.positive(r)];
    const T largest = g.reduce(
        columns, asked, [=](std::int64_t c) { return c == self ? asked : row[c]; }, larger{});
    const T sum = g.template sum<T>(
        columns, [=](std::int64_t c) { return c == self ? T(0) : std::exp(row[c] - largest); });
    T *const logs = log_sum + r, *const result = loss + r;
    g.each(1, [=](std::int64_t) {
      *logs = largest + std::log(sum);
      *result = *logs - asked;
    });
  }
};

/// The logits become scale times the gradient of the sum of all anchors' losses: that of the row's
/// own, and, logits being symmetric, of every other's in which it is a candidate. `log_sums` are
/// those of all columns as anchors.
template <class T>
struct nt_xent_gradient_row {
  pairs at;
  const T *log_sum, *log_sums;
  T scale;
  T* logits;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t columns = at.columns(), self = at.self(r), positive = at.positive(r);
    T* const row = logits + r * columns;
    const T own = log_sum[r], s = scale;
    const T* const others = log_sums;
    g.each(columns, [=](std::int64_t c) {
      const T both = std::exp(row[c] - own) + std::exp(row[c] - others[c]);
      row[c] = c == self ? T(0) : s * (c == positive ? both - T(2) : both);
    });
  }
};

}  // namespace triptych::kernels
