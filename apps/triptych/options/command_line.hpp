// apps/triptych/options/command_line.hpp
//
// The grammar of the command line: which words are options of which command. Here words become
// named texts (command_line.cpp, over CLI11); what the texts mean is decided in train_settings.cpp,
// its like, and sources.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/nearest_name.hpp>
#include <triptych/core/printable.hpp>

#include "triptych/options/options.hpp"
#include "triptych/options/toml.hpp"

namespace triptych::app {

/// How an option stands on the command line.
enum class form {
  value,        ///< --name VALUE
  maybe,        ///< --name or --name=VALUE
  flag,         ///< --name
  positional,   ///< VALUE
  positionals,  ///< VALUE VALUE ...
};

/// What grammar and help need to know of an option.
struct option_text {
  std::string name, group, hint, help;
  form shape = form::value;

  [[nodiscard]] bool is_named() const {
    return shape != form::positional && shape != form::positionals;
  }
};

struct command_text {
  std::string name, summary;
  std::string more;  ///< printed below the options
  std::vector<option_text> options;
};

struct command_request {
  std::string command;
  std::vector<given_value> values;  ///< in the options' order; of positionals one for each
};

/// Takes the command line apart; nothing if it asked for help or the version, which is then printed
/// on stdout. Throws error::usage for unknown words and repeated options.
std::optional<command_request> read_command_line(int argc, const char* const* argv,
                                                 const std::vector<command_text>& commands,
                                                 const std::string& version);

/// All commands and their options.
const std::vector<command_text>& command_texts();

/// "triptych 0.1.0, g++ 12.2.0, Eigen 3.4.0, configuration default"
std::string version_text();

/// "3.4.0"
std::string eigen_version();

/// The options that a request stands for: flag over environment over configuration file over
/// variant over default. Throws error::usage.
any_options options_of(const command_request& request);

// ----------------------------------------------------------------------------------------
// sentences

inline std::string join(std::span<const std::string_view> words, std::string_view separator) {
  std::string text;
  for (const auto word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

/// A word as a shell takes it, without bytes that a terminal would obey or could not show.
inline std::string shell_word(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:=@%";
  if (!word.empty() && word.find_first_not_of(plain) == word.npos) return word;
  if (printable(word) != word) {
    std::string text = "$'";
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7F) {
        text += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
      } else {
        for (const char part :
             {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
              static_cast<char>('0' + (byte & 7))}) {
          text += part;
        }
      }
    }
    return text + "'";
  }
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// The sentence of a failure without its next step, which stands behind the last semicolon.
inline std::string without_advice(const error& failure) {
  const std::string sentence = failure.what();
  return sentence.substr(0, sentence.rfind("; "));
}

/// The failure with another next step.
inline error with_advice(const error& failure, const std::string& advice) {
  return {failure.kind(), without_advice(failure) + "; " + advice};
}

/// The failure in the words of a command line: the library names a setting in backquotes, `batch`,
/// whatever a program calls it; here it is --batch.
error in_flags(const error& failure);

/// " (did you mean lr?)", or nothing if no known name is near.
inline std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> known) {
  constexpr std::size_t longest = 100;  // no name is near to a longer word
  if (wrong.size() > longest) return {};
  const auto nearest = nearest_name(wrong, known);
  if (edit_distance(wrong, nearest) > 1 + nearest.size() / 3) return {};
  return " (did you mean " + std::string(nearest) + "?)";
}

/// "there is no option 'lrr' (did you mean lr?)"
inline std::string unknown_option(std::string_view name, std::span<const std::string_view> known) {
  return "there is no option " + in_quotes(name) + did_you_mean(name, known);
}

}  // namespace triptych::app
