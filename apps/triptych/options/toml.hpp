// apps/triptych/options/toml.hpp
//
// The part of TOML that a flat list of options needs: `key = value` lines, comments, strings,
// numbers, booleans and one-line arrays. Every value stays text; what it means is decided where
// flags and environment variables are read, too.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

inline constexpr std::size_t longest_config_line = 16'384;  ///< bytes
inline constexpr std::size_t most_config_keys = 1000;

namespace detail {

/// Reads one line of a configuration file.
class config_line {
 public:
  config_line(std::string_view line, std::string where) : rest_(line), where_(std::move(where)) {}

  /// True if the line holds nothing but blanks and a comment.
  bool blank() {
    skip_blanks();
    return rest_.empty() || rest_.front() == '#';
  }

  std::string key() {
    skip_blanks();
    if (!rest_.empty() && (rest_.front() == '"' || rest_.front() == '\'')) return quoted();
    std::string name;
    while (!rest_.empty() && (std::isalnum(static_cast<unsigned char>(rest_.front())) != 0 ||
                              rest_.front() == '-' || rest_.front() == '_')) {
      name += take();
    }
    if (name.empty()) throw refuse("is no line of the form key = value");
    return name;
  }

  void equals() {
    skip_blanks();
    if (rest_.empty() || take() != '=') throw refuse("is no line of the form key = value");
  }

  /// A scalar, or the elements of an array with commas between them.
  std::string value() {
    skip_blanks();
    if (rest_.empty() || rest_.front() != '[') return scalar();
    take();
    std::string text;
    for (;;) {
      skip_blanks();
      if (!rest_.empty() && rest_.front() == ']') break;
      text += (text.empty() ? "" : ",") + scalar();
      skip_blanks();
      if (!rest_.empty() && rest_.front() == ',')
        take();
      else if (rest_.empty() || rest_.front() != ']')
        throw refuse("has an array without its ]");
    }
    take();
    return text;
  }

  void end() {
    if (!blank()) throw refuse("goes on after its value");
  }

  [[nodiscard]] error refuse(const std::string& what) const {
    return error::usage(where_ + " " + what + "; write lines such as: lr = 0.1");
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string scalar() {
    if (!rest_.empty() && (rest_.front() == '"' || rest_.front() == '\'')) return quoted();
    std::string text;
    while (!rest_.empty() &&
           std::string_view(" \t#,[]\"'=").find(rest_.front()) == std::string_view::npos) {
      text += take();
    }
    return text;
  }

  std::string quoted() {
    const char quote = take();
    std::string text;
    for (;;) {
      if (rest_.empty()) throw refuse("has a string without its closing quote");
      const char c = take();
      if (c == quote) return text;
      if (c != '\\' || quote == '\'') {
        text += c;
        continue;
      }
      if (rest_.empty()) throw refuse("has a string without its closing quote");
      text += escaped(take());
    }
  }

  std::string escaped(char code) {
    if (code == 'u' && rest_.size() >= 4) {  // json_string writes control characters so, and U+FFFD
      unsigned number = 0;
      const char* const end = rest_.data() + 4;
      const bool whole = std::from_chars(rest_.data(), end, number, 16).ptr == end;
      const bool byte = number >= 0xDC80 && number <= 0xDCFF;  // see quoted_text()
      if (whole && (byte || number < 0xD800 || number > 0xDFFF)) {
        rest_.remove_prefix(4);
        return byte ? std::string{static_cast<char>(number & 0xFF)} : utf8(number);
      }
    }
    constexpr std::string_view codes = "\"\\nt", meanings = "\"\\\n\t";
    const auto at = codes.find(code);
    if (at == std::string_view::npos) throw refuse("has an escape that is not known");
    return {meanings[at]};
  }

  /// The character of a number below 65536.
  static std::string utf8(unsigned number) {
    const auto tail = [](unsigned bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
    if (number < 0x80) return {static_cast<char>(number)};
    if (number < 0x800) return {static_cast<char>(0xC0 | (number >> 6)), tail(number)};
    return {static_cast<char>(0xE0 | (number >> 12)), tail(number >> 6), tail(number)};
  }

  std::string_view rest_;
  std::string where_;
};

}  // namespace detail

/// A string of the file: as in JSON, but for a byte that is not UTF-8 (paths may hold any), which
/// is kept as \udc80 to \udcff, as Python does (PEP 383).
inline std::string quoted_text(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(text[at++]);
      quoted += {'\\', 'u', 'd', 'c', digits[byte >> 4], digits[byte & 15]};
      continue;
    }
    const std::string one = io::json_string(text.substr(at, length));
    quoted.append(one, 1, one.size() - 2);
    at += length;
  }
  return quoted += '"';
}

/// The values of a configuration file's text, in its order; `name` is the file's, for messages.
/// Throws error::usage for what is not of the form above, for a key given twice, and beyond the
/// limits above.
inline std::vector<given_value> parse_config(std::string_view text, const std::string& name) {
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    throw error::usage(name +
                       " is no text file; give one that `triptych train --print-config` wrote");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte-order mark
  std::vector<given_value> values;
  for (int number = 1; !text.empty(); ++number) {
    const auto length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

    const std::string where = name + ":" + std::to_string(number);
    if (line.size() > longest_config_line) {
      throw error::usage(where +
                         " is longer than 16,384 bytes; give a file of lines like lr = 0.1");
    }
    detail::config_line reader(line, where);
    if (reader.blank()) continue;
    if (values.size() == most_config_keys) {
      throw error::usage(where + " is the 1001st option of a file, and there are not so many; give "
                                 "a file that `triptych train --print-config` wrote");
    }
    if (line.find_first_not_of(" \t") == line.find('[')) {
      throw reader.refuse("begins a table, but options are not grouped");
    }
    given_value value{reader.key(), {}, where};
    reader.equals();
    value.text = reader.value();
    reader.end();
    for (const auto& earlier : values) {
      if (earlier.name == value.name) {
        throw error::usage(where + " gives " + in_quotes(value.name) + " again, after " +
                           earlier.source + "; remove one of the two");
      }
    }
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace triptych::app
