// apps/triptych/options/list_fields.hpp
//
// Fields that hold several values, with commas between them or given one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/train/schedule.hpp>

#include "triptych/options/command_line.hpp"
#include "triptych/options/fields.hpp"

namespace triptych::app {

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

/// The list that the items of `text` make: read(item, list, value) reads one behind those before it,
/// and says what is wrong with it. A list with a wrong item leaves `to` as it was.
template <class T, class Read>
std::string read_list(std::string_view text, std::vector<T>& to, const Read& read) {
  std::vector<T> list;
  const auto wrong = each_item(text, [&](std::string_view item) {
    T value{};
    const auto complaint = read(item, std::as_const(list), value);
    list.push_back(value);
    return of_element(item, complaint);
  });
  if (wrong.empty()) to = std::move(list);
  return wrong;
}

/// Numbers above 0 and up to 1 with commas between them, none twice; none is an empty text.
template <class Options>
field<Options> shares(std::vector<double> Options::*member) {
  return {.hint = "X,...",
          .read =
              [=](Options& o, std::string_view text) {
                return read_list(text, o.*member, [](auto item, const auto& list, double& share) {
                  auto complaint = read_number(item, share);
                  if (complaint.empty() && !(share > 0 && share <= 1)) {
                    complaint = "is not above 0 and up to 1";
                  }
                  if (complaint.empty() &&
                      std::find(list.begin(), list.end(), share) != list.end()) {
                    complaint = "comes twice";
                  }
                  if (complaint.empty() && list.size() == most_elements) complaint = "is the 101st";
                  return complaint;
                });
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
          .read =
              [=](Options& o, std::string_view text) {
                using change_type = train::rate_change;
                return read_list(
                    text, o.*member, [](auto item, const auto& list, change_type& change) {
                      const auto colon = item.find(':');
                      if (colon == item.npos) return std::string("has no colon");
                      constexpr auto most = std::numeric_limits<std::int64_t>::max();
                      auto complaint =
                          read_whole(item.substr(0, colon), std::int64_t{0}, most, change.step);
                      if (complaint.empty())
                        complaint = read_number(item.substr(colon + 1), change.base);
                      if (complaint.empty() && !(change.base > 0)) complaint = "is not above 0";
                      if (complaint.empty() && !list.empty() && change.step <= list.back().step) {
                        complaint = "is not of a later step";
                      }
                      return complaint;
                    });
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

}  // namespace triptych::app
