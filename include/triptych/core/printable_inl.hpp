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

TRIPTYCH_INLINE std::string without_control(std::string_view character) {
  const auto last = static_cast<unsigned char>(character.back());  // the number, also of C1
  const bool control = character.size() == 1 ? last < 0x20 || last == 0x7F
                                             : character.front() == '\xC2' && last < 0xA0;
  if (!control) return std::string(character);
  if (last == '\n') return "\\n";
  return {'\\', 'u', '0', '0', hex_digits[last >> 4], hex_digits[last & 15]};
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
