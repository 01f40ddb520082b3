// Small CIFAR directories for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/temporary_directory.hpp"

/// Records whose pixel bytes differ from one another; labels count up modulo each bound.
inline std::vector<std::uint8_t> cifar_records(int count, const std::vector<int>& bounds,
                                               std::uint32_t seed = 1) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < count; ++i) {
    for (const int bound : bounds) bytes.push_back(static_cast<std::uint8_t>(i % bound));
    for (int p = 0; p < 3072; ++p) {
      seed = seed * 1664525u + 1013904223u;
      bytes.push_back(static_cast<std::uint8_t>(seed >> 24));
    }
  }
  return bytes;
}

inline void write_cifar10(const temporary_directory& to, int records,
                          const std::string& below = "") {
  for (int f = 1; f <= 5; ++f) {
    to.write(below + "data_batch_" + std::to_string(f) + ".bin",
             cifar_records(records, {10}, static_cast<std::uint32_t>(f)));
  }
  to.write(below + "test_batch.bin", cifar_records(records, {10}, 6));
}
