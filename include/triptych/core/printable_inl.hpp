// triptych/core/printable_inl.hpp
//
// The bodies of printable.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/printable.hpp>

namespace triptych {

TRIPTYCH_INLINE std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool beyond_unicode = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond_unicode ? 0 : length;
}

TRIPTYCH_INLINE bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

namespace detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// The number of the character that a valid UTF-8 sequence of up to 3 bytes stands for.
inline unsigned number_of(std::string_view character) {
  const auto bits = [&](std::size_t i) { return static_cast<unsigned char>(character[i]) & 0x3FU; };
  switch (character.size()) {
  case 1:
    return static_cast<unsigned char>(character[0]);
  case 2:
    return (bits(0) & 0x1FU) << 6 | bits(1);
  case 3:
    return (bits(0) & 0x0FU) << 12 | bits(1) << 6 | bits(2);
  default:
    return 0xFFFF;  // none of those that are asked for
  }
}

TRIPTYCH_INLINE std::string without_control(std::string_view character) {
  const unsigned c = number_of(character);
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool breaks = c == 0x2028 || c == 0x2029;
  const bool turns = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                     (c >= 0x2066 && c <= 0x2069);
  if (!control && !breaks && !turns) return std::string(character);
  if (c == '\n') return "\\n";
  return {'\\',
          'u',
          hex_digits[c >> 12],
          hex_digits[c >> 8 & 15],
          hex_digits[c >> 4 & 15],
          hex_digits[c & 15]};
}

}  // namespace detail

TRIPTYCH_INLINE std::string printable(std::string_view text) {
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      const auto byte = static_cast<unsigned char>(text[at]);
      line += {'\\', 'x', detail::hex_digits[byte >> 4], detail::hex_digits[byte & 15]};
    } else {
      line += detail::without_control(text.substr(at, length));
    }
    at += length == 0 ? 1 : length;
  }
  return line;
}

TRIPTYCH_INLINE std::string shortened(std::string_view text) {
  constexpr std::size_t longest = 200;
  return printable(text.substr(0, longest)) + (text.size() > longest ? "..." : "");
}

TRIPTYCH_INLINE std::string in_quotes(std::string_view text) { return "'" + shortened(text) + "'"; }

}  // namespace triptych
