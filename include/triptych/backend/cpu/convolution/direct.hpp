// triptych/backend/cpu/convolution/direct.hpp
//
// Direct convolution on channels-last maps, the fast backend's default: no product is formed that
// does not belong to the result, no patch matrix is written. One register-blocked kernel serves
// every kernel size, stride and number of channels.
//
//   forward           y [n,t,u,o]  = sum x [n, t S-P+r, u S-P+s, c] w[r,s,c,o]     over r, s, c
//   backward_data     dx[n,i,j,c]  = sum dy[n,t,u,o] w[r,s,c,o]                    over r, s, o
//                                    with t S - P + r = i and u S - P + s = j
//   backward_weights  dw[r,s,c,o]  = sum x [n, t S-P+r, u S-P+s, c] dy[n,t,u,o]    over n, t, u
//
// The first two are one gather with different taps (gather.hpp); with stride 2 the input pixels of
// backward_data fall into four parity classes with one, two, two and four taps of nine. The third
// is a sum of outer products (weight_gradient.hpp).
//
// Same bits for any number of threads; in forward and backward_data the bits of an image do not
// depend on its batch either.
// Cost: 2 N H' W' in out kernel² operations a pass less those on padding, at 0.8 to 0.95 of the
// machine's multiply-add peak for 16 and more channels. Scratch: packed weights, about 0.5 MB a
// thread, and up to 16 partial weight gradients.
#pragma once

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

struct direct {
  /// x (N,H,W,in), w (kernel,kernel,in,out) -> y (N,H',W',out), overwritten.
  static void forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g, const float* x,
                      const float* w, float* y);

  /// dy (N,H',W',out), w -> dx (N,H,W,in), overwritten or, with `accumulate`, added to.
  static void backward_data(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                            const float* dy, const float* w, float* dx, bool accumulate);

  /// x, dy -> dw (kernel,kernel,in,out), overwritten or, with `accumulate`, added to.
  static void backward_weights(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                               const float* x, const float* dy, float* dw, bool accumulate);
};

}  // namespace triptych::convolution::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/convolution/direct_inl.hpp>
#endif
