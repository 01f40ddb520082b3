// triptych/io/json.hpp
//
// Reads JSON that may be hostile: on top of nlohmann-json's strictness, duplicate keys, bytes
// before or after the object, deep nesting and floods of tiny values are refused (docs/limits.md).
// Numbers are taken only where they are what they should be, never converted. A large object need
// not be held as a whole: its members can be visited one by one. Who uses the objects
// themselves includes <nlohmann/json.hpp>.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <nlohmann/json_fwd.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

struct json_limits {
  std::size_t depth = 4;         ///< nested objects and arrays
  std::size_t values = 100'000;  ///< objects, arrays and values that are held at once
};

/// Takes a member of an object: its key and its value.
using member_visitor = std::function<void(const std::string&, const nlohmann::json&)>;

/// Parses `text`, which must be one JSON object. Throws error::checkpoint: "<source>: <what>";
/// `advice` ends the sentence, and `offset` is where `text` begins in its file.
nlohmann::json parse_json_object(std::string_view text, const std::string& source,
                                 const std::string& advice, std::size_t offset = 0,
                                 const json_limits& limits = {});

/// Likewise, but calls visit(key, value) for each member in its order and holds one at a time: the
/// limit of values is that of a member. How many members there may be is for `visit` to say.
void visit_json_object(std::string_view text, const std::string& source, const std::string& advice,
                       std::size_t offset, const member_visitor& visit,
                       const json_limits& limits = {});

/// Whether `value` is a whole number that fits std::int64_t and is not negative.
bool is_count(const nlohmann::json& value);

/// The members of an object from a file. What is missing or not as it should be throws
/// error::checkpoint: "<place>: "wall_s" is null where a number is needed; <advice>".
class json_fields {
 public:
  /// `place` and `advice` as for parse_json_object(); the object must outlive this.
  json_fields(const nlohmann::json& object, std::string place, std::string advice);

  [[nodiscard]] std::string text(const char* key) const;

  /// A whole number from 0 on.
  [[nodiscard]] std::int64_t count(const char* key) const;

  [[nodiscard]] double number(const char* key, double low, double high) const;

  /// Nothing where the number is left out or null: it was not measured, or not finite.
  [[nodiscard]] std::optional<double> measured(const char* key, double low, double high) const;

  [[nodiscard]] const nlohmann::json& array(const char* key) const;

 private:
  [[nodiscard]] error refuse(const std::string& what) const;
  [[nodiscard]] error refuse(const char* key, const nlohmann::json& value,
                             const char* wanted) const;

  [[nodiscard]] const nlohmann::json& at(const char* key, const char* wanted) const;

  const nlohmann::json* object_;
  std::string place_, advice_;
};

/// The number that all of `text` is; nothing for other texts, and for what is not finite.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return {};
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(number)) return {};
  }
  return number;
}

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/json_inl.hpp>
#endif
