// The command line: a word a line.
#include <string>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "triptych/options/command_line.hpp"

using namespace triptych;

FUZZ(input) {
  std::vector<std::string> words{"triptych"};
  for (auto rest = fuzz::text_of(input); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto word = rest.substr(0, end);
    words.emplace_back(word.substr(0, word.find('\0')));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::vector<const char*> argv;
  for (const auto& word : words) {
    if (word.starts_with("--config")) return;  // would read files of this machine
    argv.push_back(word.c_str());
  }
  fuzz::takes({error_kind::usage}, [&] {
    const auto request = app::read_command_line(static_cast<int>(argv.size()), argv.data(),
                                                app::command_texts(), app::version_text());
    if (!request) return;
    const auto options = app::options_of(*request);
    if (const auto* train = std::get_if<app::train_options>(&options)) {
      const std::string text = app::config_toml(*train);
      fuzz::require(app::config_toml(app::config_from_toml(text, "config.toml")) == text,
                    "what is written is read", text);
    }
  });
}
