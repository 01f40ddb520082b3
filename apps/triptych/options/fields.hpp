// apps/triptych/options/fields.hpp
//
// How the fields of an options struct are read from text, with their limits, and written as text.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
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
#include <triptych/train/schedule.hpp>

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

inline constexpr std::size_t most_elements = 100;  ///< of a list

/// Calls read(item) for each text between commas, until one has a complaint, which it returns.
template <class Read>
std::string each_item(std::string_view text, const Read& read) {
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    if (auto complaint = read(text.substr(at, comma - at)); !complaint.empty()) return complaint;
    at = comma + 1;
  }
  return {};
}

/// A complaint about an item as one about its list; empty if there is none.
inline std::string of_element(std::string_view item, const std::string& complaint) {
  if (complaint.empty()) return {};
  return "has the element " + in_quotes(item) + ", which " + complaint;
}

/// Whole numbers with commas between them; an array demands its size.
template <class Options, class List>
field<Options> wholes(List Options::*member, int low, int high, const std::string& hint) {
  return {.hint = hint,
          .read = [=](Options& o, std::string_view text) -> std::string {
            if (text.empty()) return "is empty";
            std::vector<int> numbers;
            const auto wrong = each_item(text, [&](std::string_view item) -> std::string {
              int number = 0;
              auto complaint = of_element(item, read_whole(item, low, high, number));
              if (!complaint.empty()) return complaint;
              if (numbers.size() == most_elements) return "has more than 100 elements";
              numbers.push_back(number);
              return {};
            });
            if (!wrong.empty()) return wrong;
            if constexpr (requires(List & list) { list.resize(numbers.size()); }) {
              o.*member = std::move(numbers);
            } else {
              if (numbers.size() != (o.*member).size()) {
                return "does not have " + std::to_string((o.*member).size()) + " elements";
              }
              std::copy(numbers.begin(), numbers.end(), (o.*member).begin());
            }
            return {};
          },
          .write =
              [=](const Options& o) {
                std::string text;
                for (const int n : o.*member) text += (text.empty() ? "" : ",") + std::to_string(n);
                return text;
              },
          .example = {}};
}

/// Numbers above 0 and up to 1 with commas between them, none twice; none is an empty text.
template <class Options>
field<Options> shares(std::vector<double> Options::*member) {
  return {.hint = "X,...",
          .read = [=](Options& o, std::string_view text) -> std::string {
            std::vector<double> list;
            const auto wrong = each_item(text, [&](std::string_view item) {
              double share = 0;
              auto complaint = read_number(item, share);
              if (complaint.empty() && !(share > 0 && share <= 1)) {
                complaint = "is not above 0 and up to 1";
              }
              if (complaint.empty() && std::find(list.begin(), list.end(), share) != list.end()) {
                complaint = "comes twice";
              }
              if (complaint.empty() && list.size() == most_elements) complaint = "is the 101st";
              list.push_back(share);
              return of_element(item, complaint);
            });
            if (wrong.empty()) o.*member = std::move(list);
            return wrong;
          },
          .write =
              [=](const Options& o) {
                std::string text;
                for (const double share : o.*member) {
                  text += (text.empty() ? "" : ",") + io::number_text(share);
                }
                return text;
              },
          .example = "0.01,0.1"};
}

/// "N:X,N:X": numbers from later and later steps on; none is an empty text.
template <class Options>
field<Options> rate_changes(std::vector<train::rate_change> Options::*member) {
  return {.hint = "N:X,...",
          .read = [=](Options& o, std::string_view text) -> std::string {
            std::vector<train::rate_change> list;
            const auto wrong = each_item(text, [&](std::string_view item) {
              const auto colon = item.find(':');
              if (colon == item.npos) return of_element(item, "has no colon");
              train::rate_change change;
              constexpr auto most = std::numeric_limits<std::int64_t>::max();
              auto complaint =
                  read_whole(item.substr(0, colon), std::int64_t{0}, most, change.step);
              if (complaint.empty()) complaint = read_number(item.substr(colon + 1), change.base);
              if (complaint.empty() && !(change.base > 0)) complaint = "is not above 0";
              if (complaint.empty() && !list.empty() && change.step <= list.back().step) {
                complaint = "is not of a later step";
              }
              list.push_back(change);
              return of_element(item, complaint);
            });
            if (wrong.empty()) o.*member = std::move(list);
            return wrong;
          },
          .write =
              [=](const Options& o) {
                std::string text;
                for (const auto& change : o.*member) {
                  text += (text.empty() ? "" : ",") + std::to_string(change.step) + ":" +
                          io::number_text(change.base);
                }
                return text;
              },
          .example = "1000:0.01"};
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

/// Several values of an enumeration with commas between them; "all" is each of them, and "none",
/// where it may be, is none.
template <class Options, class Enum>
field<Options> several_of(std::vector<Enum> Options::*member,
                          const std::vector<std::string_view>& names, bool or_none = false) {
  auto words = names;
  words.push_back("all");
  const std::string hint = join(words, "|") + "[,...]" + (or_none ? "|none" : "");
  if (or_none) words.push_back("none");
  return {.hint = hint,
          .read = [=](Options& o, std::string_view text) -> std::string {
            std::vector<bool> wanted(names.size(), false);
            bool none = false;
            const auto wrong = each_item(text, [&](std::string_view word) {
              std::size_t index = 0;
              auto complaint = read_choice(word, words, index);
              if (!complaint.empty()) return complaint;
              if (index < names.size()) {
                wanted[index] = true;
              } else if (index == names.size()) {
                wanted.assign(names.size(), true);
              } else {
                none = true;
              }
              return complaint;
            });
            if (!wrong.empty()) return wrong;
            if (none && std::find(wanted.begin(), wanted.end(), true) != wanted.end()) {
              return "has none beside others";
            }
            (o.*member).clear();
            for (std::size_t i = 0; i < wanted.size(); ++i) {
              if (wanted[i]) (o.*member).push_back(static_cast<Enum>(i));
            }
            return {};
          },
          .write =
              [=](const Options& o) {
                std::vector<std::string_view> chosen;
                for (const Enum value : o.*member) {
                  chosen.push_back(names[static_cast<std::size_t>(value)]);
                }
                return chosen.empty() && or_none ? std::string("none") : join(chosen, ",");
              },
          .example = "all"};
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

/// Texts that are given one by one, such as several paths: each is added.
template <class Options>
field<Options> texts(std::vector<std::string> Options::*member, const std::string& hint,
                     const std::string& example) {
  return {.hint = hint,
          .read = [=](Options& o, std::string_view given) -> std::string {
            if (given.empty()) return "is empty";
            if (given.find('\0') != std::string_view::npos) return "holds a zero byte";
            (o.*member).emplace_back(given);
            return {};
          },
          .write =
              [=](const Options& o) {
                std::string text;
                for (const auto& one : o.*member) text += (text.empty() ? "" : " ") + one;
                return text;
              },
          .shape = form::positionals,
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
