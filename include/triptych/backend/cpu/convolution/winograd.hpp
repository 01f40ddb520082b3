// triptych/backend/cpu/convolution/winograd.hpp
//
// Winograd's convolution F(M x M, 3 x 3) for 3x3 kernels with stride 1 and, if M = 4, with stride
// 2; other shapes go to `direct`. The map is cut into tiles of M x M results; each becomes (M + 2)²
// points, at each of which the convolution is a matrix product over channels
// (winograd/transform.hpp has the transforms):
//
//   U[ξ] = (G w Gᵀ)[ξ]                      in x out,    once per call
//   V[ξ] = (Bᵀ d B)[ξ]                      tiles x in,  d: the (M + 2)² source pixels of a tile
//   Z[ξ] = (A dy Aᵀ)[ξ]                     tiles x out, dy: the M² gradients of a tile
//
//   forward            y  = Aᵀ (V[ξ] U[ξ]) A
//   backward_data      the same from dy to dx, with w turned by 180° and its channels swapped
//   backward_weights   dw = Gᵀ (sum over tiles of V[ξ]ᵀ Z[ξ]) G
//
// With stride 2 the same runs on other transforms (winograd/strided.hpp): 9 x 9 source pixels, 81
// points, of which some share their weights, 4 x 4 results.
//
// Two ways through memory, by the size of U alone:
//
//   a block of tiles at a time, on one thread:      all tiles in three sweeps, each over all threads:
//       V block | V block |                            V V V V V V V V       by tiles
//       product | product |   in the second-           V[0]U[0] V[1]U[1] ..  by points and tiles
//       y       | y       |   level cache              y y y y y y y y       by tiles
//
// The first streams U once per block, the second V and the products once per call.
//
// Same bits for any number of threads; in forward and backward_data the bits of an image do not
// depend on its batch. Error: see docs/performance.md. Cost of a pass in products: (M + 2)²/(9 M²)
// of the direct sum, 1/4 for M = 4 and 4/9 for M = 2 where M divides the map, 9/16 with stride 2;
// the transforms cost about as much as 20 more channels. Scratch: U, and V and products of a block
// a thread or of a sweep.
#pragma once

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

template <int M>
struct winograd {
  /// Whether a pass runs here rather than in `direct`.
  static constexpr bool takes(const geometry& g) {
    if (g.kernel != 3) return false;
    return g.stride == 1 ? g.padding <= 2 : M == 4 && g.stride == 2 && g.padding == 1;
  }
  /// Whether its input transform does the last step of a BatchNorm.
  static constexpr bool reads_normalized(const geometry& g) { return takes(g) && g.stride == 1; }

  /// x (N,H,W,in), w (kernel,kernel,in,out) -> y (N,H',W',out), overwritten. x may be a map that
  /// lacks the last step of its BatchNorm, here and in backward_weights, if reads_normalized(g).
  static void forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                      const normalized_map<float>& x, const float* w, float* y);

  /// dy (N,H',W',out), w -> dx (N,H,W,in), overwritten or, with `accumulate`, added to.
  static void backward_data(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                            const float* dy, const float* w, float* dx, bool accumulate);

  /// x, dy -> dw (kernel,kernel,in,out), overwritten or, with `accumulate`, added to.
  static void backward_weights(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                               const normalized_map<float>& x, const float* dy, float* dw,
                               bool accumulate);
};

#ifdef TRIPTYCH_COMPILED
extern template struct winograd<2>;
extern template struct winograd<4>;
#endif

}  // namespace triptych::convolution::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/convolution/winograd_inl.hpp>
#endif
