// triptych/data/shuffle.hpp
//
// The order in which an epoch shows the images: a permutation that depends on (seed, epoch) alone,
// so that any process can say what any step of any epoch contained.
//
// Source: Fisher and Yates, with Philox draws. Cost: one draw an image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <triptych/core/philox.hpp>

namespace triptych::data {

/// order (N) <- the permutation of 0 ... N-1 of that epoch; N below 2^32, overwritten.
inline void shuffle(std::span<std::int64_t> order, std::uint64_t seed, std::int64_t epoch) {
  std::iota(order.begin(), order.end(), std::int64_t{0});
  random_stream random(seed, stream::shuffle, 0, static_cast<std::uint32_t>(epoch));
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  }
}

/// The permutation of 0 ... n-1 of that epoch.
inline std::vector<std::int64_t> shuffle(std::int64_t n, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  shuffle(order, seed, epoch);
  return order;
}

}  // namespace triptych::data
