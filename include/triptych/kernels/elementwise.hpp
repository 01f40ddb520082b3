// triptych/kernels/elementwise.hpp
//
// Functors over flat arrays: functor(i) computes element i and reads nothing that another element
// writes. They hold raw pointers, so that any backend can launch them. `copy` and `add` take bf16
// numbers too.
// Cost: one pass over memory.
#pragma once

#include <cstddef>

#include <triptych/config.hpp>

namespace triptych::kernels {

/// y = x, rounded where y has fewer bits
template <class From, class To = From>
struct copy {
  const From* x;
  To* y;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { y[i] = x[i]; }
};

/// x = value
template <class T>
struct fill {
  T value;
  T* x;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { x[i] = value; }
};

/// y += x
template <class T>
struct add {
  const T* x;
  T* y;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { y[i] += x[i]; }
};

/// y *= x
template <class T>
struct multiply {
  const T* x;
  T* y;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { y[i] *= x[i]; }
};

/// x *= factor
template <class T>
struct scale {
  T factor;
  T* x;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { x[i] *= factor; }
};

/// target = keep * target + (1 - keep) * source: the exponential moving average of the momentum
/// network (method.md section 1).
template <class T>
struct interpolate {
  T keep;
  const T* source;
  T* target;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    target[i] = keep * target[i] + (T(1) - keep) * source[i];
  }
};

/// functor(i), where the gate is open: *gate is not 0
template <class Functor, class T>
struct gated {
  const T* gate;
  Functor functor;
  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    if (*gate != T(0)) functor(i);
  }
};

/// Functors of elements (backend `each`, `commit_each`) and of rows (`each_row`) that a part of the
/// library launches itself, for the one source that a CUDA compiler sees: such a part has `template <class T> using launches = launch_list<...>`, T being the
/// backend's real. See backend/cuda.cuh.
template <class... Functors>
struct launch_list {};

/// Two such lists as one.
template <class... Some, class... Others>
launch_list<Some..., Others...> operator+(launch_list<Some...>, launch_list<Others...>) {
  return {};
}

}  // namespace triptych::kernels
