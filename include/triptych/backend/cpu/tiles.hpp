// triptych/backend/cpu/tiles.hpp
//
// How a convolution is cut into tasks: even shares that depend on shapes alone, drawn by however
// many threads there are, each with working memory of its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <triptych/core/arena.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::cpu::inline TRIPTYCH_ISA {

/// What fits into one core's second-level cache beside everything else that passes through it.
inline constexpr std::int64_t tile_floats = 128 * 1024;
inline constexpr std::int64_t panel_floats = 80 * 1024;

/// The number of shares of at most `most` that `total` is cut into; at least one.
constexpr std::int64_t shares(std::int64_t total, std::int64_t most) {
  return total <= most ? 1 : (total + most - 1) / most;
}

/// Where share number `i` of `count` even shares of `total` begins; it ends where the next begins.
constexpr std::int64_t share_begin(std::int64_t total, std::int64_t count, std::int64_t i) {
  return total * i / count;
}

/// Calls body(i, memory) for i = 0 ... count - 1 on the pool's threads; `memory` has room for
/// `floats` numbers, starts on a cache line and belongs to the call.
template <class Body>
void for_each_tile(thread_pool& pool, stack_arena<>& scratch, std::int64_t count,
                   std::int64_t floats, const Body& body) {
  const std::int64_t workers = std::min<std::int64_t>(pool.size(), count);
  const std::int64_t stride = (floats + 15) / 16 * 16;
  float* const memory = scratch.take<float>(static_cast<std::size_t>(workers * stride));
  std::atomic<std::int64_t> next{0};
  pool.run(workers, [&](std::int64_t worker) {
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      body(i, memory + worker * stride);
    }
  });
}

/// Numbers begin to end of the first of `count` arrays of `size` numbers, one after the other,
/// become the sums over all of them: added pairwise, in a binary tree. The others are overwritten.
inline void sum_partial(float* partial, std::int64_t count, std::int64_t size, std::int64_t begin,
                        std::int64_t end) {
  for (std::int64_t step = 1; step < count; step *= 2) {
    for (std::int64_t s = 0; s + step < count; s += 2 * step) {
      float* const into = partial + s * size;
      const float* const from = partial + (s + step) * size;
      for (std::int64_t k = begin; k < end; ++k) into[k] += from[k];
    }
  }
}

/// dw = (accumulate ? dw : 0) + the sum of `count` partial arrays of `size` numbers, one after the
/// other in `partial`, which is overwritten.
inline void add_partial(thread_pool& pool, float* partial, std::int64_t count, std::int64_t size,
                        bool accumulate, float* dw) {
  constexpr std::int64_t piece = 4096;
  pool.run((size + piece - 1) / piece, [=](std::int64_t i) {
    const std::int64_t begin = i * piece, end = std::min(size, begin + piece);
    sum_partial(partial, count, size, begin, end);
    for (std::int64_t k = begin; k < end; ++k) {
      dw[k] = accumulate ? dw[k] + partial[k] : partial[k];
    }
  });
}

}  // namespace triptych::cpu::inline TRIPTYCH_ISA
