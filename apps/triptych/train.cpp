// The command `train`: settles the options, then runs them on their backend.
#include <filesystem>
#include <iostream>
#include <string>

#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "train_backends.hpp"

namespace triptych::app {

namespace {

/// The configuration of the run that --resume continues.
train_options stored_options(const train_options& o) {
  if (o.resume != "auto") return config_from_toml(io::load_checkpoint(o.resume).note.config, o.resume);
  const auto file = std::filesystem::path(run_directory(o)) / "config.toml";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    throw error::usage("there is no run to resume in " + run_directory(o) +
                       "; start one without --resume, or correct --out");
  }
  const auto contents = io::read_file(file);
  return config_from_toml(contents.text(), file.string());
}

}  // namespace

int train(const train_options& asked) {
  const train_options options = asked.resume.empty() ? asked : resumed(stored_options(asked), asked);
  for (const auto& warning : check(options)) say("warning: " + warning);
  if (options.print_config) {
    std::cout << config_toml(options, true);
    return 0;
  }
  return options.backend == choice::backend::eigen ? train_eigen(options)
                                                   : train_reference(options);
}

}  // namespace triptych::app
