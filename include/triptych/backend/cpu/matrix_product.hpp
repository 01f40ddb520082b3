// triptych/backend/cpu/matrix_product.hpp
//
// C (m x n) = alpha op(A) op(B) + beta C, row-major, with the convolutions' micro-kernel. In its
// terms the product has a left side L (R x K), read where it lies, and a right side (K x Q), packed
// into panels of a few vectors of columns:
//
//                 Q: panels of 64 columns       a task: a block of rows x a few panels;
//                 |  p0 |  p1 |  p2 | ..        for every chunk of K:
//       K chunk ->| ^^^ |     |     |             L: rows x chunk stays in the second-level cache
//      ___________|_____|_____|_____|             for every panel:
//   R  rows x     | sum |     |     |               its chunk, packed, passes through it once
//      chunk of L |     |     |     |               rows in register blocks of 6 x 64
//
//   A B, A Bᵀ with beta    L = A,     right side B, Bᵀ
//   A Bᵀ                   the transposed product Cᵀ = B Aᵀ, if B is the larger: L = B, right side
//   Aᵀ,
//                          blocks of Cᵀ transposed where they are stored: a layer's weights are
//                          read where they lie
//   Aᵀ B                   L = Aᵀ, its chunk copied, so that its columns are near each other
//
// The right side is packed once in advance where several blocks of rows need it, else by the task.
// Sums go over chunks of K in order: the same bits for any number of threads, and rounding grows
// with a chunk and the number of chunks.
//
// Cost: 2 m n k operations at 0.8 to 0.9 of the multiply-add peak if m, n, k are 64 and more.
#pragma once

#include <cstdint>

#include <triptych/core/arena.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::backend::inline TRIPTYCH_ISA::product_detail {

/// c (m x n) = alpha op(a) (m x k) op(b) (k x n) + beta c.
void matrix_product(thread_pool& pool, stack_arena<>& scratch, transpose ta, transpose tb,
                    std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
                    const float* b, float beta, float* c);

}  // namespace triptych::backend::inline TRIPTYCH_ISA::product_detail

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/matrix_product_inl.hpp>
#endif
