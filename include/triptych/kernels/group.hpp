// triptych/kernels/group.hpp
//
// Lanes that work on one row together. A functor over rows is written once, as a sequence of phases
// over the numbers of its row, and is run by whatever lanes a backend has:
//
//   g.each(n, f)                           f(i) for 0 <= i < n; lane l takes i = l, l + W, l + 2W, ...
//   g.reduce(n, identity, f, combine)      combine over all f(i); every lane gets the result
//   g.sum<T>(n, f)                         the same for sums
//   g.sync()                               all lanes have come here
//
// A lane may read in one phase what the same lane wrote in an earlier `each` over the same range;
// what another lane wrote it may read only after a reduction or `sync`. `combine` must be
// associative up to rounding.
//
// `lanes<W>` is one thread that does the work of W lanes, in their order: lanes<16> for CPUs, whose
// vector units follow it; lanes<32> gives the sums of a GPU's warp, so that tests on a CPU see
// them.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/array_of.hpp>

namespace triptych::kernels {

/// The sum of two numbers.
struct plus {
  template <class T>
  TRIPTYCH_HOST_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};

/// The larger of two numbers; NaN never wins.
struct larger {
  template <class T>
  TRIPTYCH_HOST_DEVICE T operator()(const T& a, const T& b) const {
    return b > a ? b : a;
  }
};

template <int W>
struct lanes {
  template <class F>
  TRIPTYCH_HOST_DEVICE void each(std::int64_t n, const F& f) const {
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }

  template <class T, class F, class Combine>
  TRIPTYCH_HOST_DEVICE T reduce(std::int64_t n, const T& identity, const F& f,
                                const Combine& combine) const {
    array_of<T, W> part;
    for (int l = 0; l < W; ++l) part[l] = identity;
    std::int64_t i = 0;
    for (; i + W <= n; i += W) {
      for (int l = 0; l < W; ++l) part[l] = combine(part[l], f(i + l));
    }
    for (int l = 0; i < n; ++i, ++l) part[l] = combine(part[l], f(i));
    for (int half = W / 2; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) part[l] = combine(part[l], part[l + half]);
    }
    return part[0];
  }

  template <class T, class F>
  TRIPTYCH_HOST_DEVICE T sum(std::int64_t n, const F& f) const {
    return reduce(n, T(0), f, plus{});
  }

  TRIPTYCH_HOST_DEVICE void sync() const {}
};

}  // namespace triptych::kernels
