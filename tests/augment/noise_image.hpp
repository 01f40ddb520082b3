// An image of noise, the same from run to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace triptych::test {

inline std::vector<std::uint8_t> noise_image(int height, int width) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * 3));
  std::uint32_t state = 12345;
  for (auto& p : pixels) {
    state = state * 1664525u + 1013904223u;
    p = static_cast<std::uint8_t>(state >> 24);
  }
  return pixels;
}

}  // namespace triptych::test
