// triptych/core/shuffle.hpp
//
// Random permutations. Source: Fisher and Yates, with Philox draws. Cost: one draw an element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>

#include <triptych/core/philox.hpp>

namespace triptych {

/// order (N) <- a permutation of 0 ... N-1 that depends on the stream alone; N below 2^32.
template <class Integer>
void shuffle(std::span<Integer> order, random_stream random) {
  std::iota(order.begin(), order.end(), Integer{0});
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace triptych
