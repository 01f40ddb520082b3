// triptych/backend/device/convolution/turned_weights.hpp
//
// Weights in cuDNN's order (out, k, k, in) from the library's (k, k, in, out), and a gradient back:
// functors over weights, functor(i), which also convert between float and bf16. Cost: one pass over
// the weights.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>

namespace triptych::conv_engine {

/// turned (out, taps) = w (taps, out); i counts the numbers of `turned`.
template <class From, class To>
struct turn_weights {
  std::int64_t taps;  ///< k k in
  int out;
  const From* w;
  To* turned;
  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    turned[i] = w[i % taps * out + i / taps];
  }
};

/// w (taps, out) = turned (out, taps), or w += it; i counts the numbers of `w`.
template <class From, class To>
struct turn_weights_back {
  std::int64_t taps;
  int out;
  const From* turned;
  To* w;
  bool accumulate;
  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const To v = turned[i % out * taps + i / out];
    w[i] = accumulate ? w[i] + v : v;
  }
};

}  // namespace triptych::conv_engine
