// triptych/data/decoder/ppm.hpp
//
// Binary PPM.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <triptych/data/decoded.hpp>
#include <triptych/data/decoder/image.hpp>

namespace triptych::data::detail {

/// P6 with at most 255 per channel, comments allowed in the header.
inline std::string decode_ppm(std::span<const std::uint8_t> bytes, decoded& image) {
  std::size_t at = 2;
  std::array<std::int64_t, 3> header{};  // width, height, largest value
  for (auto& field : header) {
    const auto space = [&] {
      const std::uint8_t c = bytes[at];
      return c == ' ' || (c >= '\t' && c <= '\r');
    };
    while (at < bytes.size() && (space() || bytes[at] == '#')) {
      if (bytes[at] == '#') {
        while (at < bytes.size() && bytes[at] != '\n') ++at;
      } else {
        ++at;
      }
    }
    const std::size_t start = at;
    while (at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9' && at < start + 9) {
      field = field * 10 + (bytes[at++] - '0');
    }
    if (at == start || at == bytes.size() || !space()) return "its header is damaged";
  }
  ++at;
  if (header[2] != 255) return "its largest value is not 255";
  if (!reserve_image(header[1], header[0], image)) return size_refused;
  if (bytes.size() - at < image.pixels.size()) {
    return "it ends at byte " + std::to_string(bytes.size()) + ", before its last pixel";
  }
  const auto pixels = bytes.subspan(at, image.pixels.size());
  image.pixels.assign(pixels.begin(), pixels.end());
  return {};
}

}  // namespace triptych::data::detail
