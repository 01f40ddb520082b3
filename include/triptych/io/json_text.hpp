// triptych/io/json_text.hpp
//
// Text that may come from anywhere, made fit for JSON: always valid UTF-8, with every control
// character escaped. And the shortest decimal numbers that read back as the same bits.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>

#include <triptych/config.hpp>

namespace triptych::io {

/// `text` as a JSON string with its quotes; a byte that is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

/// A name from a file, made fit for a message: quoted, escaped, not too long.
std::string shown(std::string_view name);

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

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/json_text_inl.hpp>
#endif
