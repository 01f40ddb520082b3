// triptych/data/image_set.hpp
//
// Labeled 8-bit images of one size, held in memory, with the constants that normalize them.
//
// Shapes: pixels (N, H, W, 3), labels (N).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/core/error.hpp>

namespace triptych::data {

struct image_set {
  std::string name;
  int height = 0, width = 0, classes = 0;
  std::vector<std::uint8_t> pixels{};                      ///< (N, height, width, 3)
  std::vector<std::int32_t> labels{};                      ///< (N), each below `classes`
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};  ///< of pixels scaled to [0, 1]

  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(labels.size());
  }
  [[nodiscard]] std::size_t bytes_per_image() const noexcept {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
  }
  /// The bytes (height, width, 3) of image i. error::usage if there is no such image.
  [[nodiscard]] std::span<const std::uint8_t> image(std::int64_t i) const {
    const std::size_t length = bytes_per_image(), first = static_cast<std::size_t>(i) * length;
    if (i < 0 || i >= size() || first + length > pixels.size()) {
      throw error::usage("image " + std::to_string(i) + " of the set " + name + ", which has " +
                         std::to_string(size()) + " labels and " + std::to_string(pixels.size()) +
                         " bytes of pixels; ask for one that it has");
    }
    return std::span(pixels).subspan(first, length);
  }
  [[nodiscard]] augment::image_view view(std::int64_t i) const { return {image(i), height, width}; }
  [[nodiscard]] augment::normalization normalization() const { return {mean, deviation}; }
};

/// The images to learn from and those to judge by.
struct split {
  image_set train, test;
};

}  // namespace triptych::data
