// apps/triptych/options/settings.hpp
//
// One declaration per option: a `setting` ties a name, a help text and a reader with its limits to
// a field of an options struct. Flags, environment, configuration files, help and the written
// configuration all follow from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/options/command_line.hpp"
#include "triptych/options/fields.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// What a value matters for.
enum class role {
  result,   ///< changes what is computed: stored, and kept by a resumed run
  habit,    ///< changes where and how often: stored, free to change
  session,  ///< this call alone: not stored
};

template <class Options>
struct setting {
  std::string name, group;
  field<Options> value;
  std::string help;
  role use = role::result;

  /// Whether it has a --name, and may stand in the environment.
  [[nodiscard]] bool is_named() const {
    return value.shape != form::positional && value.shape != form::positionals;
  }
};

template <class Options>
using settings = std::vector<setting<Options>>;

// --------------------------------------------------------------------------------------
// assignments

template <class Options>
const setting<Options>* find(const settings<Options>& table, std::string_view name) {
  for (const auto& s : table) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

template <class Options>
std::vector<std::string_view> names_of(const settings<Options>& table) {
  std::vector<std::string_view> names;
  for (const auto& s : table) {
    if (s.is_named()) names.push_back(s.name);
  }
  return names;
}

/// What to give in the place of a wrong value: where it came from decides how.
template <class Options>
std::string correction(const setting<Options>& s, const std::string& source) {
  const auto example = s.value.example.empty() ? s.value.write(Options{}) : s.value.example;
  constexpr std::string_view variable = "environment ";
  if (source.starts_with(variable)) {
    return "set e.g. " + source.substr(variable.size()) + "=" + example;
  }
  if (source.find(':') != source.npos) {  // a file and its line
    return "write e.g. " + s.name + " = " + (s.value.number ? example : io::json_string(example));
  }
  return "give e.g. " + (!s.is_named()                  ? example
                         : s.value.shape == form::flag  ? "--" + s.name
                         : s.value.shape == form::maybe ? "--" + s.name + "=" + example
                                                        : "--" + s.name + " " + example);
}

/// Reads one value into its field and notes its source. Throws error::usage, naming both.
template <class Options>
void assign(const settings<Options>& table, Options& options, const given_value& given) {
  const auto* s = find(table, given.name);
  if (s == nullptr) {
    throw error::usage(given.source + ": " + unknown_option(given.name, names_of(table)) +
                       "; --help lists them all");
  }
  if (const auto complaint = s->value.read(options, given.text); !complaint.empty()) {
    throw error::usage(s->name + ": " + in_quotes(given.text) + " from " + given.source + " " +
                       complaint + "; " + correction(*s, given.source));
  }
  options.from.given[given.name] = given.source;
}

}  // namespace triptych::app
