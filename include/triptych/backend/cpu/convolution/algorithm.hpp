// triptych/backend/cpu/convolution/algorithm.hpp
//
// What an algorithm of convolution is on the CPU: three static functions, one for each pass, that
// divide their work among threads by shapes alone (the same bits for any number of threads). They
// take memory from `scratch` inside an arena_frame; `accumulate` adds to what is there.
#pragma once

#include <cassert>
#include <concepts>

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych {

template <class A>
concept ConvolutionAlgorithm = requires(thread_pool& pool, stack_arena<>& scratch,
                                        const convolution::geometry& g, const float* in, float* out,
                                        bool accumulate) {
  A::forward(pool, scratch, g, in, in, out);                       // x, w -> y
  A::backward_data(pool, scratch, g, in, in, out, accumulate);     // dy, w -> dx
  A::backward_weights(pool, scratch, g, in, in, out, accumulate);  // x, dy -> dw
};

/// One that reads a map before the last step of its BatchNorm, in convolutions of some shapes.
template <class A>
concept NormalizingConvolution = ConvolutionAlgorithm<A> &&
    requires(thread_pool& pool, stack_arena<>& scratch, const convolution::geometry& g,
             const normalized_map<float>& map, const float* in, float* out, bool accumulate) {
  { A::reads_normalized(g) } -> std::same_as<bool>;
  A::forward(pool, scratch, g, map, in, out);
  A::backward_weights(pool, scratch, g, map, in, out, accumulate);
};

namespace convolution {

/// The map x of a convolution that does not normalize, whoever calls it.
inline const float* plain(const normalized_map<float>& map) {
  assert(map.factor == nullptr && "ask reads_normalized first");
  return map.x;
}

/// The map as `A` takes it.
template <class A>
auto operand(const normalized_map<float>& map) {
  if constexpr (NormalizingConvolution<A>) {
    return map;
  } else {
    return plain(map);
  }
}

}  // namespace convolution
}  // namespace triptych
