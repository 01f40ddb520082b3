// triptych/backend/cpu/convolution/direct_inl.hpp
//
// The bodies of direct.hpp.
#pragma once

#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/gather.hpp>
#include <triptych/backend/cpu/convolution/weight_gradient.hpp>
#include <triptych/config.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

TRIPTYCH_INLINE void direct::forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                                     const float* x, const float* w, float* y) {
  detail::gather_all(pool, scratch, detail::gather_of(g, false), x, w, g.out, 1, y, false);
}

TRIPTYCH_INLINE void direct::backward_data(thread_pool& pool, stack_arena<>& scratch,
                                           const geometry& g, const float* dy, const float* w,
                                           float* dx, bool accumulate) {
  detail::gather_all(pool, scratch, detail::gather_of(g, true), dy, w, 1, g.out, dx, accumulate);
}

TRIPTYCH_INLINE void direct::backward_weights(thread_pool& pool, stack_arena<>& scratch,
                                              const geometry& g, const float* x, const float* dy,
                                              float* dw, bool accumulate) {
  detail::weight_gradient(pool, scratch, g, x, dy, dw, accumulate);
}

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
