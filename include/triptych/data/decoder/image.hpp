// triptych/data/decoder/image.hpp
//
// What the decoders share: memory for the pixels, the limits of work, and turning a picture as EXIF
// says. A decoder returns what is wrong with its file, or nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <triptych/data/decoded.hpp>

namespace triptych::data::detail {

/// Takes memory for height x width pixels; false if there are none or too many.
inline bool reserve_image(std::int64_t height, std::int64_t width, decoded& image) {
  if (height < 1 || width < 1 || height > longest_side || width > longest_side ||
      height * width > largest_image) {
    return false;
  }
  image.height = static_cast<int>(height);
  image.width = static_cast<int>(width);
  image.pixels.resize(static_cast<std::size_t>(height * width * 3));
  return true;
}

inline constexpr const char* size_refused =
    "it has no pixels, or more than the 33,554,432 (65,535 on a side) that are read; save it "
    "smaller, "
    "or as a JPEG, of which larger ones are read at a half, a quarter or an eighth of their size";

/// Turns the picture as orientation 1 to 8 of EXIF says that it is meant to be seen.
inline void orient(int orientation, decoded& image) {
  if (orientation < 2 || orientation > 8) return;
  const auto height = static_cast<std::size_t>(image.height);
  const auto width = static_cast<std::size_t>(image.width);
  const bool swapped = orientation >= 5;  // rows become columns
  // Whether the first row, or column, of the file comes last of those it becomes.
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  std::vector<std::uint8_t> turned(image.pixels.size());
  const std::uint8_t* from = image.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x, from += 3) {
      const std::size_t row = from_bottom ? height - 1 - y : y;
      const std::size_t column = from_right ? width - 1 - x : x;
      const std::size_t to = swapped ? column * height + row : row * width + column;
      std::copy(from, from + 3, &turned[3 * to]);
    }
  }
  image.pixels = std::move(turned);
  if (swapped) std::swap(image.height, image.width);
}

/// The orientation that an EXIF block (a TIFF header and its first directory) names; 1 if none.
inline int orientation_of(std::span<const std::uint8_t> exif) {
  const bool little = exif.size() >= 8 && exif[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | exif[little ? at + bytes - 1 - i : at + i];
    }
    return value;
  };
  if (exif.size() < 8 || number(2, 2) != 42) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t count = number(directory, 2);
  for (std::size_t i = 0, at = directory + 2; i < count && at + 12 <= exif.size(); ++i, at += 12) {
    constexpr std::size_t orientation = 0x112, sixteen_bits = 3;
    if (number(at, 2) == orientation && number(at + 2, 2) == sixteen_bits) {
      return static_cast<int>(number(at + 8, 2));
    }
  }
  return 1;
}

/// Whether a file of `bytes` may cost so much.
inline bool affordable(std::int64_t work, std::size_t bytes) {
  return work <= free_work + work_per_byte * static_cast<std::int64_t>(bytes);
}

inline constexpr const char* work_refused =
    "it asks for far more work than pictures of its length do; if it is a picture, save it again "
    "with fewer pixels";

}  // namespace triptych::data::detail
