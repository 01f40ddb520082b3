// triptych/data/shuffle.hpp
//
// The order in which an epoch shows the images: a permutation that depends on (seed, epoch) alone,
// so that any process can say what any step of any epoch contained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <triptych/core/philox.hpp>
#include <triptych/core/shuffle.hpp>

namespace triptych::data {

/// order (N) <- the permutation of 0 ... N-1 of that epoch; N below 2^32, overwritten.
inline void shuffle(std::span<std::int64_t> order, std::uint64_t seed, std::int64_t epoch) {
  triptych::shuffle(order, {seed, stream::shuffle, 0, static_cast<std::uint32_t>(epoch)});
}

/// The permutation of 0 ... n-1 of that epoch.
inline std::vector<std::int64_t> shuffle(std::int64_t n, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  shuffle(order, seed, epoch);
  return order;
}

}  // namespace triptych::data
