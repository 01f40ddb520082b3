// triptych/comm/tree_adder.hpp
//
// Sums over ranks of what lies in this process's memory, in the order of a binary tree:
// ((0 + 1) + (2 + 3)) + ... So a sum has the same bits whoever adds up, and however ranks speak.
// Cost: the numbers once, in blocks that stay in cache.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::comm {

template <class T>
class tree_adder {
 public:
  explicit tree_adder(std::size_t ranks) : blocks_(ranks) {}

  /// y, n numbers, becomes the sum of from(0), from(1), ..., pointers to those of each rank.
  template <class From>
  void add(std::size_t n, const From& from, T* y) {
    const std::size_t ranks = blocks_.size();
    for (std::size_t begin = 0; begin < n; begin += block) {
      const std::size_t count = std::min(block, n - begin);
      for (std::size_t r = 0; r < ranks; ++r) {
        std::copy_n(from(r) + begin, count, blocks_[r].data());
      }
      for (std::size_t half = 1; half < ranks; half *= 2) {
        for (std::size_t r = 0; r + half < ranks; r += 2 * half) {
          for (std::size_t i = 0; i < count; ++i) blocks_[r][i] += blocks_[r + half][i];
        }
      }
      std::copy_n(blocks_[0].data(), count, y + begin);
    }
  }

 private:
  static constexpr std::size_t block = 1024;
  std::vector<std::array<T, block>> blocks_;
};

}  // namespace triptych::comm
