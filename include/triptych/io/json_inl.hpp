// triptych/io/json_inl.hpp
//
// The bodies of json.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

namespace detail {

/// Builds the document from the parser's events. (The parser's own way to watch events takes
/// quadratic time on large objects.)
class json_builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  using json = nlohmann::json;

  /// With `visit`, members of the root are handed to it and then dropped.
  json_builder(const json_limits& limits, std::string before, std::string after, std::size_t offset,
               member_visitor visit = {})
      : limits_(limits), before_(std::move(before)), after_(std::move(after)), offset_(offset),
        visit_(std::move(visit)) {}

  [[nodiscard]] error refuse(const std::string& what) const {
    return error::checkpoint(before_ + what + after_);
  }

  [[nodiscard]] json take() { return std::move(root_); }

  bool null() override { return add(nullptr) && complete(); }
  bool boolean(bool value) override { return add(value) && complete(); }
  bool number_integer(number_integer_t value) override { return add(value) && complete(); }
  bool number_unsigned(number_unsigned_t value) override { return add(value) && complete(); }
  bool number_float(number_float_t value, const string_t&) override {
    return add(value) && complete();
  }
  bool string(string_t& value) override { return add(std::move(value)) && complete(); }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [place, added] = open_.back()->emplace(name, nullptr);
    if (!added) throw refuse("the key " + shown(name) + " comes twice");
    slot_ = &*place;
    if (open_.size() == 1) member_ = &place.key();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& cause) override {
    constexpr int out_of_range = 406;
    throw refuse((cause.id == out_of_range ? "a number is out of range before byte "
                                           : "the JSON is broken at byte ") +
                 std::to_string(offset_ + position));
  }

 private:
  /// Puts a value where it belongs: the root, the open array, or behind the last key.
  bool add(json&& value) {
    if (++values_ > limits_.values) throw refuse("the JSON holds too many values");
    if (open_.empty()) {
      slot_ = &root_;
    } else if (open_.back()->is_array()) {
      slot_ = &open_.back()->emplace_back();
    }
    *slot_ = std::move(value);
    return true;
  }

  bool open(json&& container) {
    if (open_.size() >= limits_.depth) throw refuse("the JSON is nested too deeply");
    add(std::move(container));
    open_.push_back(slot_);
    return true;
  }

  bool close() {
    slot_ = open_.back();
    open_.pop_back();
    return complete();
  }

  /// The value in slot_ is whole.
  bool complete() {
    if (!visit_ || open_.size() != 1) return true;
    visit_(*member_, *slot_);
    *slot_ = nullptr;  // the key stays, so that it cannot come twice
    values_ = 0;
    return true;
  }

  json_limits limits_;
  std::string before_, after_;  // of a message
  std::size_t offset_;
  member_visitor visit_;
  std::size_t values_ = 0;
  json root_;
  std::vector<json*> open_;              // objects and arrays that have begun and not ended
  json* slot_ = nullptr;                 // where the next value goes
  const std::string* member_ = nullptr;  // the last key of the root
};

inline void parse_json(std::string_view text, std::size_t offset, json_builder& builder) {
  // The parser would skip a byte order mark, and take a NUL for the end.
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos || text[begin] != '{') {
    throw builder.refuse("no JSON object begins at byte " + std::to_string(offset));
  }
  if (const std::size_t nul = text.find('\0'); nul != text.npos) {
    throw builder.refuse("a NUL lies inside the JSON at byte " + std::to_string(offset + nul));
  }
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
}

}  // namespace detail

TRIPTYCH_INLINE nlohmann::json parse_json_object(std::string_view text, const std::string& source,
                                                 const std::string& advice, std::size_t offset,
                                                 const json_limits& limits) {
  detail::json_builder builder(limits, source + ": ", "; " + advice, offset);
  detail::parse_json(text, offset, builder);
  return builder.take();
}

TRIPTYCH_INLINE void visit_json_object(std::string_view text, const std::string& source,
                                       const std::string& advice, std::size_t offset,
                                       const member_visitor& visit, const json_limits& limits) {
  detail::json_builder builder(limits, source + ": ", "; " + advice, offset, visit);
  detail::parse_json(text, offset, builder);
}

TRIPTYCH_INLINE bool is_count(const nlohmann::json& value) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= largest;
}

namespace detail {

/// A value in a message; what is large, by its kind.
inline std::string told(const nlohmann::json& value) {
  if (value.is_string()) return shown(value.get_ref<const std::string&>());
  return value.is_structured() ? "an " + std::string(value.type_name()) : value.dump();
}

}  // namespace detail

TRIPTYCH_INLINE json_fields::json_fields(const nlohmann::json& object, std::string place,
                                         std::string advice)
    : object_(&object), place_(std::move(place)), advice_(std::move(advice)) {
  if (!object.is_object()) throw refuse("an entry is " + detail::told(object) + " where an object");
}

TRIPTYCH_INLINE std::string json_fields::text(const char* key) const {
  const auto& value = at(key, "a text");
  if (!value.is_string()) throw refuse(key, value, "a text");
  return value.get<std::string>();
}

TRIPTYCH_INLINE std::int64_t json_fields::count(const char* key) const {
  const auto& value = at(key, "a whole number");
  if (!is_count(value)) throw refuse(key, value, "a whole number from 0 on");
  return value.get<std::int64_t>();
}

TRIPTYCH_INLINE double json_fields::number(const char* key, double low, double high) const {
  const auto& value = at(key, "a number");
  if (!value.is_number()) throw refuse(key, value, "a number");
  const auto number = value.get<double>();
  if (!(number >= low && number <= high)) throw refuse(key, value, "a possible number");
  return number;
}

TRIPTYCH_INLINE std::optional<double> json_fields::measured(const char* key, double low,
                                                            double high) const {
  const auto found = object_->find(key);
  if (found == object_->end() || found->is_null()) return {};
  return number(key, low, high);
}

TRIPTYCH_INLINE const nlohmann::json& json_fields::array(const char* key) const {
  const auto& value = at(key, "an array");
  if (!value.is_array()) throw refuse(key, value, "an array");
  return value;
}

TRIPTYCH_INLINE error json_fields::refuse(const std::string& what) const {
  return error::checkpoint(place_ + ": " + what + " is needed; " + advice_);
}

TRIPTYCH_INLINE error json_fields::refuse(const char* key, const nlohmann::json& value,
                                          const char* wanted) const {
  return refuse(json_string(key) + " is " + detail::told(value) + " where " + wanted);
}

TRIPTYCH_INLINE const nlohmann::json& json_fields::at(const char* key, const char* wanted) const {
  const auto found = object_->find(key);
  if (found == object_->end()) throw refuse(json_string(key) + " is missing where " + wanted);
  return *found;
}

}  // namespace triptych::io
