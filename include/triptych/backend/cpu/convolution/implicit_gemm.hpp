// triptych/backend/cpu/convolution/implicit_gemm.hpp
//
// Convolution as matrix products, a tile of result pixels at a time: the patches that a tile reads
// are laid out as a matrix (im2col) small enough for the cache, and Eigen multiplies. The simple
// second algorithm, there to check the first.
//
//   P[p, (r,s,c)] = x[pixel p, tap (r,s), channel c], zero on padding     patches of a tile
//   forward           Y  = P W
//   backward_data     P' = dY Wᵀ, and every P'[p, (r,s,c)] is added to the pixel it came from
//   backward_weights  dW = sum over tiles of Pᵀ dY
//
// Same bits for any number of threads. Cost: products with padding are computed; a patch matrix is
// written and read once per pass.
#pragma once

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

struct implicit_gemm {
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
#include <triptych/backend/cpu/convolution/implicit_gemm_inl.hpp>
#endif
