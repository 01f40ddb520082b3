// triptych/io/json_text_inl.hpp
//
// The bodies of json_text.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

TRIPTYCH_INLINE std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0) {
      json += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else {
      json += triptych::detail::without_control(text.substr(at, length));
    }
    at += length == 0 ? 1 : length;
  }
  return json += '"';
}

TRIPTYCH_INLINE std::string shown(std::string_view name) {
  constexpr std::size_t longest = 100;
  return name.size() <= longest ? json_string(name) : json_string(name.substr(0, longest)) + "...";
}

}  // namespace triptych::io
