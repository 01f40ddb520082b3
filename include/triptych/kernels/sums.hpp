// triptych/kernels/sums.hpp
//
// Sums in double over flat arrays, in two launches of row functors (kernels/group.hpp): one sum for
// each run of `length` numbers, then the sum of those. The order of additions depends on sizes
// alone. Cost: one read of the array.
#pragma once

#include <cmath>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

// -- terms: term(i)
// ---------------------------------------------------------------------------------

template <class T>
struct value {
  const T* x;
  TRIPTYCH_HOST_DEVICE double operator()(std::int64_t i) const { return static_cast<double>(x[i]); }
};

template <class T>
struct square {
  const T* x;
  TRIPTYCH_HOST_DEVICE double operator()(std::int64_t i) const {
    return static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
};

/// 0 for a finite number, else NaN.
template <class T>
struct finite_zero {
  const T* x;
  TRIPTYCH_HOST_DEVICE double operator()(std::int64_t i) const {
    return static_cast<double>(x[i]) * 0.0;
  }
};

// -- functors ------------------------------------------------------------------------------------

/// sums[r] = sum of term over run r.
template <class Term>
struct sum_of_run {
  Term term;
  std::int64_t n, length;
  double* sums;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const std::int64_t begin = r * length;
    const std::int64_t count = n - begin < length ? n - begin : length;
    const Term own = term;
    const double sum =
        g.template sum<double>(count, [=](std::int64_t i) { return own(begin + i); });
    double* const result = sums + r;
    g.each(1, [=](std::int64_t) { *result = sum; });
  }
};

/// y = scale * the sum of the runs' sums; for one group of lanes.
template <class T>
struct total_of_runs {
  const double* sums;
  std::int64_t runs;
  double scale;
  T* y;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t) const {
    const double* const from = sums;
    const double sum = g.template sum<double>(runs, [=](std::int64_t i) { return from[i]; });
    T* const to = y;
    const double factor = scale;
    g.each(1, [=](std::int64_t) { *to = static_cast<T>(factor * sum); });
  }
};

/// *y = the root of a sum; for one element.
template <class T>
struct root_of {
  const double* sum;
  T* y;
  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t) const { *y = static_cast<T>(std::sqrt(*sum)); }
};

/// Closes a gate (*gate = 0) where a sum of finite_zero is NaN; for one element.
template <class T>
struct close_unless_zero {
  const double* sum;
  T* gate;
  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t) const {
    if (!(*sum == 0.0)) *gate = T(0);
  }
};

/// y[c] += the sum over all runs of sums (runs, channels).
template <class T>
struct add_column_sums {
  const T* sums;
  std::int64_t runs;
  int channels;
  T* y;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t c) const {
    const T* const from = sums + c;
    const std::int64_t stride = channels;
    const double sum = g.template sum<double>(
        runs, [=](std::int64_t i) { return static_cast<double>(from[i * stride]); });
    T* const to = y + c;
    g.each(1, [=](std::int64_t) { *to += static_cast<T>(sum); });
  }
};

}  // namespace triptych::kernels
