// triptych/io/json.hpp
//
// Reads JSON that may be hostile: on top of nlohmann-json's strictness, duplicate keys, bytes
// before or after the object, deep nesting and floods of tiny values are refused. Numbers are taken
// only where they are what they should be, never converted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

struct json_limits {
  int depth = 4;                   ///< nested objects and arrays
  std::size_t values = 3'000'000;  ///< values, keys and brackets in all
};

/// A name from a file, made fit for a message: quoted, escaped, not too long.
inline std::string shown(std::string_view name) {
  constexpr std::size_t longest = 100;
  return name.size() <= longest ? json_string(name) : json_string(name.substr(0, longest)) + "...";
}

/// Parses `text`, which must be one JSON object. Throws error::checkpoint: "<source>: <what>";
/// `advice` ends the sentence, and `offset` is where `text` begins in its file.
inline nlohmann::json parse_json_object(std::string_view text, const std::string& source,
                                        const std::string& advice, std::size_t offset = 0,
                                        const json_limits& limits = {}) {
  using event = nlohmann::json::parse_event_t;
  const auto refuse = [&](const std::string& what) {
    return error::checkpoint(source + ": " + what + "; " + advice);
  };

  // The parser would skip a byte order mark, and take a NUL for the end.
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos || text[begin] != '{') {
    throw refuse("no JSON object begins at byte " + std::to_string(offset));
  }
  if (const std::size_t nul = text.find('\0'); nul != text.npos) {
    throw refuse("a NUL lies inside the JSON at byte " + std::to_string(offset + nul));
  }

  std::size_t seen = 0;
  std::vector<std::unordered_set<std::string>> keys(static_cast<std::size_t>(limits.depth) + 1);
  const auto watch = [&](int depth, event what, nlohmann::json& parsed) {
    if (++seen > limits.values) throw refuse("the JSON holds too many values");
    const auto level = static_cast<std::size_t>(depth);
    if (what == event::object_start || what == event::array_start) {
      if (depth >= limits.depth) throw refuse("the JSON is nested too deeply");
      keys[level + 1].clear();
    } else if (what == event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys[level].insert(key).second) throw refuse("the key " + shown(key) + " comes twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::parse_error& e) {
    throw refuse("the JSON is broken at byte " + std::to_string(offset + e.byte));
  } catch (const nlohmann::json::exception&) {
    throw refuse("the JSON holds a number out of range");
  }
}

/// Whether `value` is a whole number that fits std::int64_t and is not negative.
inline bool is_count(const nlohmann::json& value) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= largest;
}

}  // namespace triptych::io
