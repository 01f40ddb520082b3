// triptych/io/json_text.hpp
//
// Text that may come from anywhere, made fit for JSON or for a terminal: always valid UTF-8, with every
// control character escaped. And the shortest decimal numbers that read back as the same bits.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <triptych/config.hpp>

namespace triptych::io {

/// Length (1 to 4) of the valid UTF-8 sequence that begins at `text[at]`, or 0 if none does.
inline std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
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

inline bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

namespace detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// The UTF-8 sequence `character`, escaped as in JSON if it is a control character (C0, DEL or C1: a
/// terminal may obey any of them).
inline std::string without_control(std::string_view character) {
  const auto last = static_cast<unsigned char>(character.back());  // the number, also of C1
  const bool control = character.size() == 1 ? last < 0x20 || last == 0x7F
                                             : character.front() == '\xC2' && last < 0xA0;
  if (!control) return std::string(character);
  if (last == '\n') return "\\n";
  return {'\\', 'u', '0', '0', hex_digits[last >> 4], hex_digits[last & 15]};
}

}  // namespace detail

/// `text` as a JSON string with its quotes; a byte that is not UTF-8 becomes U+FFFD.
inline std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0) {
      json += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else {
      json += detail::without_control(text.substr(at, length));
    }
    at += length == 0 ? 1 : length;
  }
  return json += '"';
}

/// `text` as one line that a terminal shows and does not obey: a control character becomes its escape in
/// JSON, a byte that is not UTF-8 a backslash, x and two digits, and all else stays.
inline std::string printable(std::string_view text) {
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

/// The shortest text that reads back as `number`, also valid JSON; empty if it is NaN or infinite.
template <class Number>
std::string number_text(Number number) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(number)) return {};
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  return {text, end};
}

}  // namespace triptych::io
