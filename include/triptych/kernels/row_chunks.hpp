// triptych/kernels/row_chunks.hpp
//
// How a matrix of rows x channels is cut into runs of rows that are worked on at the same time. The
// cut depends on the shape alone, so partial sums over chunks, combined in order, give the same
// bits for any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/config.hpp>

namespace triptych::kernels {

struct row_chunks {
  std::int64_t rows;
  int channels;

  /// Numbers in a chunk: 64 KiB of floats, a part of a second-level cache.
  static constexpr int numbers = 16384;

  [[nodiscard]] TRIPTYCH_HOST_DEVICE constexpr std::int64_t length() const {
    return std::max(1, numbers / std::max(channels, 1));
  }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE constexpr std::int64_t count() const {
    return (rows + length() - 1) / length();
  }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE constexpr std::int64_t begin(std::int64_t chunk) const {
    return chunk * length();
  }
  [[nodiscard]] TRIPTYCH_HOST_DEVICE constexpr std::int64_t end(std::int64_t chunk) const {
    return std::min(rows, begin(chunk) + length());
  }
};

}  // namespace triptych::kernels
