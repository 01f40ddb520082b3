// triptych/data/decoded.hpp
//
// A decoded image, and what one may cost (docs/limits.md).
#pragma once

#include <cstdint>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::data {

/// A decoded image: pixels (height, width, 3).
struct decoded {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

inline constexpr std::uintmax_t largest_image_file = std::uintmax_t{64} << 20;  ///< bytes
inline constexpr std::int64_t largest_image = std::int64_t{1} << 25;            ///< pixels
inline constexpr std::int64_t largest_in_scans = 2 * largest_image;             ///< a JPEG in scans
inline constexpr std::int64_t longest_side = 65'535;                            ///< pixels
inline constexpr int most_scans = 100;                                          ///< of a JPEG
inline constexpr int smallest_scale = 8;  ///< a larger JPEG is read at 1/2, 1/4 or 1/8 of its size

/// What a file may cost, in pixels of an 8-bit PNG: so much at any length, and so much a byte.
inline constexpr std::int64_t free_work = 3'500'000;
inline constexpr std::int64_t work_per_byte = 80;

}  // namespace triptych::data
