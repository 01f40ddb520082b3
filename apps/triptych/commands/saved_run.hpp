// apps/triptych/commands/saved_run.hpp
//
// What later commands need to know of a run that lies in files: how it was configured, and where
// its images are.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

#include "triptych/options/command_line.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// The options that a checkpoint was trained with. Throws error::checkpoint.
inline train_options config_of(const io::loaded_checkpoint& saved) {
  try {
    return config_from_toml(saved.note.config, (saved.path / "MANIFEST.json, config").string());
  } catch (const error& failure) {
    const auto other = with_advice(failure, "take another checkpoint, or triptych " +
                                                saved.library_version + ", which wrote this one");
    throw error::checkpoint(other.what());
  }
}

/// The options that the run in a directory was trained with, as its config.toml has them. Throws
/// error::checkpoint, with `advice`, where that is missing or damaged, and error::io.
inline train_options config_of(const std::filesystem::path& run, const std::string& advice) {
  const auto config = run / "config.toml";
  if (!io::is_there(config)) throw error::checkpoint(config.string() + " is missing; " + advice);
  const auto text = io::read_file(config);
  try {
    return config_from_toml(text.text(), config.string());
  } catch (const error& failure) {
    throw error::checkpoint(with_advice(failure, advice).what());
  }
}

/// A run's data directory as it is found from here: a relative one lies where the run was started,
/// unless there is none.
inline std::string data_dir_of(const std::filesystem::path& run, const std::string& data_dir) {
  const std::filesystem::path given = data_dir, facts = run / "environment.json";
  std::error_code none;
  if (data_dir.empty() || given.is_absolute() || !io::is_there(facts)) {
    return data_dir;
  }
  std::filesystem::path started;
  try {
    const auto json = io::parse_json_object(io::read_file(facts).text(), facts.string(), "");
    started = io::json_fields(json, facts.string(), "").text("directory");
  } catch (const error&) {  // then it is not known, and the usual places are looked at
    return data_dir;
  }
  const auto there = started / given;
  const bool elsewhere = std::filesystem::is_directory(there, none) &&
                         !std::filesystem::equivalent(there, given, none);
  return elsewhere ? there.string() : data_dir;
}

}  // namespace triptych::app
