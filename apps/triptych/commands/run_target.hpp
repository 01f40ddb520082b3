// apps/triptych/commands/run_target.hpp
//
// Into which directory a run goes, and whether what is there belongs to it. The command line
// decides that, or the place of what --resume was given: never a path that stands in a file.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <sys/stat.h>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

#include "triptych/commands/saved_run.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// While it lives, this process writes nothing that is for more people than the run in `run`, whose
/// configuration says who may read and write it.
class as_private_as {
 public:
  explicit as_private_as(const std::filesystem::path& run) {
    constexpr mode_t others = 0066, readers = 0044, nobody_else = 0077;
    struct stat config {};
    mode_t closed = 0;
    if (::stat((run / "config.toml").c_str(), &config) == 0) closed = others & ~config.st_mode;
    closed |= (closed & readers) >> 2U;  // what may not be read may not be searched
    before_ = ::umask(nobody_else);
    ::umask(before_ | closed);
  }
  as_private_as(const as_private_as&) = delete;
  as_private_as& operator=(const as_private_as&) = delete;
  ~as_private_as() { ::umask(before_); }

 private:
  mode_t before_;
};

inline bool is_run(const std::filesystem::path& path) { return io::is_there(path / "config.toml"); }

/// How a run enters its directory: a checkpoint may also be what a new run starts from.
inline io::existing_run entry(const train_options& options) {
  if (options.overwrite) return io::existing_run::overwrite;
  return !options.resume.empty() && is_run(run_directory(options)) ? io::existing_run::resume
                                                                   : io::existing_run::refuse;
}

/// Where training goes on from the checkpoint `saved`, which --resume named `given`: in --out or,
/// without one, in the run in which it lies. Throws error::usage where it lies in none.
inline std::string target_of(const train_options& asked, const std::filesystem::path& given,
                             const io::loaded_checkpoint& saved) {
  namespace fs = std::filesystem;
  if (asked.from.has("out")) return asked.out;
  std::error_code ignored;
  for (const fs::path& place : {fs::absolute(given, ignored).lexically_normal(), saved.path}) {
    const auto above = place.parent_path();
    if (above.filename() == "checkpoints" && is_run(above.parent_path())) {
      const auto run = above.parent_path();
      const auto shorter = run.lexically_relative(fs::current_path(ignored));
      return given.is_relative() && !shorter.empty() && *shorter.begin() != ".." ? shorter.string()
                                                                                 : run.string();
    }
  }
  throw error::usage("the checkpoint " + saved.path.string() +
                     " lies in no run, and it does not decide where one is written; give --out "
                     "DIR, a new directory or its own run");
}

/// Throws error::usage unless the run in `run` is one of ours, by its list or by what it holds.
inline void refuse_unknown_run(const std::filesystem::path& run) {
  if (io::owned_names(run).has("config.toml") || io::run_directory::has_run_without_list(run)) {
    return;
  }
  throw error::usage(
      "the config.toml in " + run.string() +
      " is of no run that triptych began there (it has no status.json of one); choose "
      "another --out");
}

/// Throws error::checkpoint unless `saved` is a checkpoint of the run in `run`: trained with its
/// configuration, and the same as the one of that step that it holds.
inline void refuse_foreign(const io::loaded_checkpoint& saved, const std::filesystem::path& run) {
  namespace fs = std::filesystem;
  const auto refuse = [&](const std::string& why) {
    throw error::checkpoint("the checkpoint " + saved.path.string() + " is not one of the run in " +
                            run.string() + ": " + why +
                            "; give the --out of its own run, or of a new one");
  };
  const auto config = run / "config.toml";
  const auto text = io::read_file(config);
  std::string list;
  for (const auto& one : differences(
           config_of(saved), config_from_toml(text.text(), config.string()), saved.note.step)) {
    list += (list.empty() ? "its " : ", ") + one;
  }
  if (!list.empty()) refuse(list);
  const auto own = run / "checkpoints" / io::checkpoint_name(saved.note.step) / "MANIFEST.json";
  if (!io::is_there(own)) {
    refuse("that keeps none of step " + std::to_string(saved.note.step) + " to compare it with");
  }
  if (io::read_file(own).text() != io::read_file(saved.path / "MANIFEST.json").text()) {
    refuse("that of step " + std::to_string(saved.note.step) + " there is another");
  }
}

}  // namespace triptych::app
