// apps/triptych/options/described.hpp
//
// Options of training that structs of the library describe themselves (core/options.hpp): those of
// methods and optimizers. Until such a struct is made, a value is kept as text, which the struct
// has accepted.
#pragma once

#include <algorithm>
#include <concepts>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/options.hpp>
#include <triptych/core/printable.hpp>

#include "triptych/options/options.hpp"
#include "triptych/options/settings.hpp"

namespace triptych::app {

namespace detail {

/// Makes a setting of each field that a struct lists.
template <class Part>
struct to_settings {
  settings<Part>* all;

  void operator()(std::string_view name, double Part::*member, const limits& allowed,
                  std::string_view help) const {
    add(name, real(member, allowed), help);
  }
  template <std::integral Whole>
  void operator()(std::string_view name, Whole Part::*member, const range& allowed,
                  std::string_view help) const {
    add(name, whole(member, allowed), help);
  }
  void operator()(std::string_view name, bool Part::*member, std::string_view help) const {
    add(name, toggle(member), help);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(std::string_view name, Enum Part::*member,
                  std::initializer_list<std::string_view> words, std::string_view help) const {
    add(name, one_of(member, words), help);
  }

 private:
  void add(std::string_view name, field<Part> value, std::string_view help) const {
    all->push_back({std::string(name), "", std::move(value), std::string(help)});
  }
};

}  // namespace detail

template <DescribedOptions Part>
const settings<Part>& settings_of() {
  static const settings<Part> table = [] {
    settings<Part> all;
    Part::describe(detail::to_settings<Part>{&all});
    return all;
  }();
  return table;
}

/// A method's or optimizer's struct with the values of a run. Throws error::usage for one that it
/// cannot take.
template <DescribedOptions Part>
Part part_of(const train_options& o) {
  Part part;
  for (const auto& s : settings_of<Part>()) {
    const auto value = o.described.find(s.name);
    if (value == o.described.end()) continue;
    if (const auto complaint = s.value.read(part, value->second); !complaint.empty()) {
      throw error::usage(s.name + ": " + in_quotes(value->second) + " " + complaint + ", for " +
                         std::string(Part::about.name) + "; give e.g. --" + s.name + " " +
                         s.value.write(Part{}));
    }
  }
  return part;
}

/// Whether the part of that name has that option.
template <class List>
bool has_option(std::string_view part, std::string_view option) {
  bool found = false;
  List::find(part, [&]<class Part>() { found = find(settings_of<Part>(), option) != nullptr; });
  return found;
}

/// The names of all options of the parts of `List`.
template <class List>
std::vector<std::string> described_names() {
  std::vector<std::string> names;
  List::each([&]<class Part>() {
    for (const auto& s : settings_of<Part>()) {
      if (std::find(names.begin(), names.end(), s.name) == names.end()) names.push_back(s.name);
    }
  });
  return names;
}

/// One field of a part, as text.
template <class Part>
field<train_options> as_text(const setting<Part>& s) {
  auto [hint, read, write, number, shape, example] = s.value;
  return {.hint = hint,
          .read =
              [name = s.name, read = read, write = write](train_options& o, std::string_view text) {
                Part part;
                auto complaint = read(part, text);
                if (complaint.empty()) o.described[name] = write(part);
                return complaint;
              },
          .write =
              [name = s.name, write = write](const train_options& o) {
                const auto value = o.described.find(name);
                return value == o.described.end() ? write(Part{}) : value->second;
              },
          .number = number,
          .shape = shape,
          .example = example};
}

/// Adds every option of the parts of `List`, of which `chosen` names the one of a run. An option
/// that several parts have is one option, with the limits and the default of the chosen part.
template <class List>
void add_described(settings<train_options>& table, const std::string& group,
                   std::string train_options::*chosen) {
  using owners = std::vector<std::pair<std::string_view, field<train_options>>>;
  settings<train_options> added;
  List::each([&]<class First>() {
    for (const auto& s : settings_of<First>()) {
      if (find(added, s.name) != nullptr) continue;
      if (find(table, s.name) != nullptr) {
        throw std::logic_error("two options are called " + s.name + ": rename that of " +
                               std::string(First::about.name));
      }
      owners all;
      List::each([&]<class Part>() {
        if (const auto* own = find(settings_of<Part>(), s.name)) {
          all.emplace_back(Part::about.name, as_text(*own));
        }
      });
      std::string who;
      if (all.size() < List::names.size()) {
        for (const auto& [name, value] : all) who += (who.empty() ? "" : ", ") + std::string(name);
        who += ": ";
      }
      const auto own = [all, chosen](const train_options& o) {
        for (const auto& [name, value] : all) {
          if (name == o.*chosen) return value;
        }
        return all.front().second;
      };
      auto value = all.front().second;
      value.read = [own](train_options& o, std::string_view text) { return own(o).read(o, text); };
      value.write = [own](const train_options& o) { return own(o).write(o); };
      added.push_back({s.name, group, std::move(value), who + s.help});
    }
  });
  for (auto& s : added) table.push_back(std::move(s));
}

}  // namespace triptych::app
