// apps/triptych/options/fields.hpp
//
// How the fields of an options struct are read from text, with their limits, and written as text.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/core/options.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/options/command_line.hpp"

namespace triptych::app {

using allowed::at_least, allowed::fraction, allowed::limits, allowed::not_negative,
    allowed::positive, allowed::range;

/// How a field is read from text and written as text.
template <class Options>
struct field {
  std::string hint;  ///< "N", "X", "DIR", "paper|released"
  std::function<std::string(Options&, std::string_view)>
      read;  ///< a complaint; empty if all is well
  std::function<std::string(const Options&)> write;
  bool number = false;
  form shape = form::value;
  std::string example;  ///< for messages; empty: the default

  /// The same field of options that begin with these.
  template <std::derived_from<Options> Longer>
  operator field<Longer>() const {
    return {hint, read, write, number, shape, example};
  }
};

/// The number that all of `text` stands for.
template <class Number>
std::string read_number(std::string_view text, Number& number) {
  if (text.empty()) return "is empty";
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  Number parsed{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (end != text.data() + text.size() || code == std::errc::invalid_argument) {
    return std::is_integral_v<Number> ? "is not a whole number" : "is not a number";
  }
  if constexpr (std::is_floating_point_v<Number>) {
    if (code == std::errc() && !std::isfinite(parsed)) return "is not a finite number";
  }
  if (code != std::errc()) return "is out of range";
  number = parsed;
  return {};
}

template <class Options>
field<Options> real(double Options::*member, limits allowed) {
  return {.hint = "X",
          .read = [=](Options& o, std::string_view text) -> std::string {
            double x = 0;
            if (auto complaint = read_number(text, x); !complaint.empty()) return complaint;
            if (allowed.above && !(x > allowed.low)) {
              return "is not above " + io::number_text(allowed.low);
            }
            if (allowed.below && !(x < allowed.high)) {
              return "is not below " + io::number_text(allowed.high);
            }
            if (x < allowed.low) return "is below " + io::number_text(allowed.low);
            if (x > allowed.high) return "is above " + io::number_text(allowed.high);
            o.*member = x;
            return {};
          },
          .write = [=](const Options& o) { return io::number_text(o.*member); },
          .number = true,
          .example = {}};
}

/// The whole number of `text` if it lies in [low, high].
template <class Whole>
std::string read_whole(std::string_view text, Whole low, Whole high, Whole& number) {
  if (std::is_unsigned_v<Whole> && text.size() > 1 && text.front() == '-') {
    std::int64_t negative = 0;
    const auto complaint = read_number(text, negative);
    return complaint.empty() || complaint == "is out of range" ? "is below 0" : complaint;
  }
  Whole parsed{};
  if (auto complaint = read_number(text, parsed); !complaint.empty()) return complaint;
  if (parsed < low) return "is below " + std::to_string(low);
  if (parsed > high) return "is above " + std::to_string(high);
  number = parsed;
  return {};
}

/// Of `allowed`, what the type of the field can hold.
template <class Options, class Whole>
field<Options> whole(Whole Options::*member, const range& allowed) {
  constexpr auto most = std::numeric_limits<Whole>::max();
  const auto low = static_cast<Whole>(allowed.low);
  const auto high = std::cmp_less(allowed.high, most) && allowed.high < at_least(0).high
                        ? static_cast<Whole>(allowed.high)
                        : most;
  return {.hint = "N",
          .read = [=](Options& o,
                      std::string_view text) { return read_whole(text, low, high, o.*member); },
          .write = [=](const Options& o) { return io::number_text(o.*member); },
          .number = true,
          .example = {}};
}

/// The position of `text` among `names`, or a complaint that names the nearest.
inline std::string read_choice(std::string_view text, std::span<const std::string_view> names,
                               std::size_t& index) {
  if (text.empty()) return "is empty";
  for (index = 0; index < names.size(); ++index) {
    if (names[index] == text) return {};
  }
  return "is none of " + join(names, ", ") + did_you_mean(text, names);
}

/// An enumeration, whose values are those of `names` in this order.
template <class Options, class Enum>
field<Options> one_of(Enum Options::*member, std::vector<std::string_view> names) {
  return {
      .hint = join(names, "|"),
      .read =
          [=](Options& o, std::string_view text) {
            std::size_t index = 0;
            auto complaint = read_choice(text, names, index);
            if (complaint.empty()) o.*member = static_cast<Enum>(index);
            return complaint;
          },
      .write =
          [=](const Options& o) { return std::string(names[static_cast<std::size_t>(o.*member)]); },
      .example = {}};
}

/// A string that is one of `names`.
template <class Options>
field<Options> name_among(std::string Options::*member, std::span<const std::string_view> names) {
  return {.hint = "NAME",
          .read =
              [=](Options& o, std::string_view text) {
                std::size_t index = 0;
                auto complaint = read_choice(text, names, index);
                if (complaint.empty()) o.*member = text;
                return complaint;
              },
          .write = [=](const Options& o) { return o.*member; },
          .example = {}};
}

inline std::string read_bool(std::string_view text, bool& value) {
  static constexpr std::array<std::string_view, 6> words{"on", "off", "true", "false", "1", "0"};
  std::size_t index = 0;
  if (auto complaint = read_choice(text, words, index); !complaint.empty()) return complaint;
  value = index % 2 == 0;
  return {};
}

/// --name on|off
template <class Options>
field<Options> toggle(bool Options::*member) {
  return {.hint = "on|off",
          .read = [=](Options& o, std::string_view text) { return read_bool(text, o.*member); },
          .write = [=](const Options& o) { return std::string(o.*member ? "on" : "off"); },
          .example = {}};
}

/// --name
template <class Options>
field<Options> flag(bool Options::*member) {
  auto result = toggle(member);
  result.hint.clear();
  result.shape = form::flag;
  result.example = "on";
  return result;
}

/// Any text but the empty one, such as a path.
template <class Options>
field<Options> text(std::string Options::*member, const std::string& hint,
                    const std::string& example) {
  return {.hint = hint,
          .read = [=](Options& o, std::string_view given) -> std::string {
            if (given.empty()) return "is empty";
            if (given.find('\0') != std::string_view::npos) return "holds a zero byte";
            o.*member = given;
            return {};
          },
          .write = [=](const Options& o) { return o.*member; },
          .example = example};
}

/// A field of a part of the options.
template <class Options, class Part>
field<Options> within(Part Options::*part, const field<Part>& inner) {
  return {.hint = inner.hint,
          .read = [=, read = inner.read](Options& o,
                                         std::string_view given) { return read(o.*part, given); },
          .write = [=, write = inner.write](const Options& o) { return write(o.*part); },
          .number = inner.number,
          .shape = inner.shape,
          .example = inner.example};
}

template <class Options>
field<Options> positional(field<Options> value) {
  value.shape = form::positional;
  return value;
}

}  // namespace triptych::app
