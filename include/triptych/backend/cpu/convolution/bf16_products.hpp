// triptych/backend/cpu/convolution/bf16_products.hpp
//
// Direct convolution with products of bf16 numbers and sums in f32, for processors with a matrix
// unit (AMX: 16 times the multiply-adds of AVX-512). Maps, weights and gradients stay f32 in
// memory; what is multiplied is rounded to 8 bits of mantissa on its way into the cache.
//
// The unit multiplies blocks of 32 x 32 (bf16_block.hpp), and 32 images always fill one side of
// a block: the same pixel of 32 images shares its taps, so nothing is multiplied with padding and
// every size, stride and kernel is the same loop.
//
//   forward           y[t,u] (32 images x out)  = sum over taps, channels of  x[pixel] (images x in) w[tap]
//   backward_data     the same with the taps turned and w transposed
//   backward_weights  dw[tap] (in x out)        = sum over pixels of  xᵀ[pixel] (in x images) dy[t,u]
//
// A task of the first two takes 32 images and a band of target rows. It rounds the source rows it
// needs into working memory,
//
//      tile:  row | column | 32 channels | image 0: 32 numbers, image 1: 32 numbers, ...
//                            \___________ one operand A, 2 KiB ______________________/
//
// and for every 32 target channels and every target pixel adds up a block over taps and channels.
// A task of the third takes a shard of the images and some output channels; for 32 images and a
// band of rows at a time it lays out x with the images innermost and dy in pairs of images, and
// adds to each block of its partial gradient the products of all pixels of the band.
//
// Taken where both sides have a multiple of 32 channels; `fast` does the rest. Same bits for any
// number of threads; the bits of an image do not depend on its batch.
// Cost: 2 N H' W' in out kernel² operations less those on padding. Scratch: some 2 MiB a thread (a
// few rows of 32 images at least), rounded weights, and up to 16 partial weight gradients.
#pragma once

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

class amx_block;   ///< products by the processor's matrix unit
class loop_block;  ///< the same by plain loops, for tests: slow

template <class Block = amx_block>
struct bf16_products {
  /// Whether the unit is there and the system lets this process use it.
  static bool available();
  /// Throws error::usage, saying what is missing, where it is not.
  static void need();

  /// Whether a pass runs here rather than in `fast`.
  static constexpr bool takes(const geometry& g) { return g.in % 32 == 0 && g.out % 32 == 0; }

  // The passes throw as need().

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

#ifdef TRIPTYCH_COMPILED
extern template struct bf16_products<amx_block>;
extern template struct bf16_products<loop_block>;
#endif

}  // namespace triptych::convolution::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/convolution/bf16_products_inl.hpp>
#endif
