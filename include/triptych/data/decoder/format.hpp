// triptych/data/decoder/format.hpp
//
// Which picture a file is, by its first bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych::data::detail {

enum class picture_format { none, ppm, jpeg, png, webp, gif, bmp, tiff, heif, jpeg_xl };

inline constexpr std::array<const char*, 10> format_names{
    "no picture", "PPM", "JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "HEIF or AVIF", "JPEG XL"};

/// The format of a file by its first bytes.
inline picture_format format_of(std::span<const std::uint8_t> bytes) {
  const auto has = [&bytes](std::size_t at, std::string_view magic) {
    return bytes.size() > at + magic.size() &&
           std::equal(
               magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
               [](char c, std::uint8_t byte) { return static_cast<std::uint8_t>(c) == byte; });
  };
  using enum picture_format;
  using namespace std::string_view_literals;
  if (has(0, "P6")) return ppm;
  if (has(0, "\xFF\xD8\xFF")) return jpeg;
  if (has(0, "\x89PNG")) return png;
  if (has(0, "RIFF") && has(8, "WEBP")) return webp;
  if (has(0, "GIF87a") || has(0, "GIF89a")) return gif;
  if (has(0, "BM") && has(6, "\0\0\0\0"sv)) return bmp;
  if (has(0, "II*\0"sv) || has(0, "MM\0*"sv)) return tiff;
  if (has(4, "ftyphei") || has(4, "ftypmif1") || has(4, "ftypavif")) return heif;
  if (has(0, "\xFF\x0A") || has(4, "JXL \r\n")) return jpeg_xl;
  return none;
}

}  // namespace triptych::data::detail
