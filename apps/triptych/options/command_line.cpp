// The only file that sees CLI11, which takes long to compile.
#include "triptych/options/command_line.hpp"

#include <algorithm>
#include <iostream>
#include <regex>
#include <string_view>

#include <CLI/CLI.hpp>

#include <triptych/core/printable.hpp>

namespace triptych::app {

namespace {

constexpr std::size_t line_width = 80, help_column = 26;

/// `text` in lines of at most `width` characters.
std::string wrap(std::string_view text, std::size_t width) {
  std::string lines, line;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return lines + line;
}

CLI::Option* declare(CLI::App& command, const option_text& option) {
  const auto name = (option.is_named() ? "--" : "") + option.name;
  auto* added = option.shape == form::flag ? command.add_flag(name) : command.add_option(name);
  if (option.shape == form::maybe) added->expected(0, 1);
  const auto hint = option.shape == form::maybe ? "[=" + option.hint + "]" : option.hint;
  added->option_text(hint.empty() || !option.is_named() ? " " : hint);
  added->description(wrap(option.help, line_width - help_column));
  if (!option.group.empty()) added->group(option.group);
  added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return added;
}

/// What CLI11 would misread or say badly: words before the command, an unknown command, `--name=`
/// with nothing after it (to CLI11 `--name NEXT`), and a last flag without its value.
void refuse_early(int argc, const char* const* argv, const std::vector<command_text>& commands) {
  std::vector<std::string_view> names;
  for (const auto& command : commands) names.push_back(command.name);
  if (argc < 2) {
    throw error::usage("no command was given; choose one of " + join(names, ", ") +
                       ", or see triptych --help");
  }
  const std::string_view first = argv[1], last = argv[argc - 1];
  if (first == "-h" || first == "--help" || first == "--version") return;
  const auto named = std::find(names.begin(), names.end(), first);
  if (named == names.end()) {
    throw error::usage("there is no command " + in_quotes(first) + did_you_mean(first, names) +
                       "; see triptych --help");
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return;
    if (word.starts_with("--") && word.size() > 3 && word.find('=') == word.size() - 1) {
      const std::string name = shortened(word.substr(2, word.size() - 3));
      throw error::usage(name + ": '' from flag --" + name +
                         " is empty; give a value after the equals sign, or leave the flag out");
    }
  }
  const auto& command = commands[static_cast<std::size_t>(named - names.begin())];
  for (const auto& option : command.options) {
    if (option.shape == form::value && last == "--" + option.name) {
      throw error::usage(option.name + ": flag --" + option.name + " needs a value (" +
                         option.hint + "); see triptych " + command.name + " --help");
    }
  }
}

command_request taken_apart(const CLI::App& parser, const command_text& command) {
  // CLI11 gives a positional one word. (Asked to give several it would take "[x]" apart.)
  const bool several = std::any_of(command.options.begin(), command.options.end(),
                                   [](const auto& o) { return o.shape == form::positionals; });
  auto extras = parser.remaining();
  const auto flags = std::stable_partition(extras.begin(), extras.end(), [&](const auto& word) {
    return several && !word.starts_with("--");
  });
  const std::vector<std::string> more(extras.begin(), flags);
  if (flags != extras.end()) {
    std::string_view word = *flags;
    if (!word.starts_with("--")) {
      throw error::usage(command.name + " does not know what to do with " + in_quotes(word) +
                         "; see triptych " + command.name + " --help");
    }
    word = word.substr(2, word.find('=') - 2);
    std::vector<std::string_view> known;
    for (const auto& option : command.options) {
      if (option.is_named()) known.push_back(option.name);
    }
    throw error::usage("flag --" + shortened(word) + ": " + unknown_option(word, known) +
                       "; see triptych " + command.name + " --help");
  }
  command_request request{command.name, {}};
  for (const auto& option : command.options) {
    const auto& results = parser[(option.is_named() ? "--" : "") + option.name]->results();
    if (results.empty()) continue;
    const auto source = (option.is_named() ? "flag --" : "argument ") + option.name;
    if (option.shape == form::positionals) {
      request.values.push_back({option.name, results.front(), source});
      for (const auto& one : more) request.values.push_back({option.name, one, source});
      continue;
    }
    if (results.size() > 1) {
      throw error::usage(option.name + ": " + source + " was given " +
                         std::to_string(results.size()) + " values; give one");
    }
    const bool alone = option.shape == form::maybe && results.front().empty();
    request.values.push_back({option.name, alone ? "true" : results.front(), source});
  }
  return request;
}

}  // namespace

std::optional<command_request> read_command_line(int argc, const char* const* argv,
                                                 const std::vector<command_text>& commands,
                                                 const std::string& version) {
  refuse_early(argc, argv, commands);
  CLI::App app("Multi-network contrastive self-supervised learning: train, evaluate, embed.",
               "triptych");
  app.set_help_flag("-h,--help", "Print this and exit");
  app.set_version_flag("--version", version, "Print versions and exit");
  app.get_formatter()->column_width(help_column);
  app.require_subcommand(1);
  app.footer("triptych COMMAND --help explains a command. Example:\n"
             "  triptych train --data procedural --width 16 --epochs 6 --out runs/first");
  for (const auto& command : commands) {
    auto* parser = app.add_subcommand(command.name, command.summary);
    parser->footer(command.more);
    parser->allow_extras();
    if (command.name != argv[1]) continue;  // nobody will ask for its options
    for (const auto& option : command.options) declare(*parser, option);
  }
  try {
    app.parse(argc, argv);
    for (const auto& command : commands) {
      if (app.got_subcommand(command.name)) {
        return taken_apart(*app.get_subcommand(command.name), command);
      }
    }
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::cout << CLI::detail::find_and_replace(app.help(), "\n\n\n", "\n\n");
    return std::nullopt;
  } catch (const CLI::CallForVersion&) {
    std::cout << version << '\n';
    return std::nullopt;
  } catch (const CLI::ParseError& failure) {
    throw error::usage(std::string(failure.what()) + "; see triptych --help");
  }
}

error in_flags(const error& failure) {
  static const std::regex setting("`([a-z]+(-[a-z]+)*)`");
  return {failure.kind(), std::regex_replace(failure.what(), setting, "--$1")};
}

}  // namespace triptych::app
