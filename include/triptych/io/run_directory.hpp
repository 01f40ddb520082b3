// triptych/io/run_directory.hpp
//
// The directory of one training run, owned by one process at a time through a lock that the kernel
// releases however the process ends (not trustworthy on network file systems without flock):
//
//   config.toml  data.json  environment.json  status.json  lock  metrics.jsonl  metrics.csv  train.log
//   checkpoints/step-000123/  checkpoints/latest  export/encoder.safetensors  tensorboard/  .triptych
//
// An existing run is continued or overwritten only when asked for, and only what the list of a
// directory, `.triptych` (owned_names.hpp), names is replaced or removed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>

namespace triptych::io {

/// What to do where a run already is.
enum class existing_run { refuse, resume, overwrite };

enum class run_state { running, done, failed, interrupted };

inline std::string_view name_of(run_state state) {
  constexpr std::array<std::string_view, 4> names{"running", "done", "failed", "interrupted"};
  return names[static_cast<std::size_t>(state)];
}

/// Locks a directory itself until `in` is closed; `kind` is LOCK_EX or LOCK_SH. False if another
/// process has it. Where the file system knows no such locks nothing is locked.
bool lock_directory(const held_directory& in, int kind);

/// The locks of a run that is there, held for a command that writes into it and trains nothing.
class run_lock {
 public:
  /// Throws error::busy (another process has the run), error::usage (its lock is somebody else's)
  /// and error::io.
  explicit run_lock(fs::path root);

 private:
  held_directory in_;
  descriptor file_;
};

class run_directory {
 public:
  /// The files that training writes beside checkpoints and the export.
  static std::vector<std::string> files() {
    return {"config.toml",   "data.json",   "environment.json", "status.json",
            "metrics.jsonl", "metrics.csv", "train.log"};
  }

  /// Those of the export: the encoder, and the card that describes it.
  static std::vector<std::string> export_files() { return {"encoder.safetensors", "encoder.md"}; }

  /// Makes or enters `root`, locks it, and clears what an interrupted process left. Throws
  /// error::usage (a run is there already, or none to resume, or files of somebody else),
  /// error::busy (another process has it) and error::io (not writable).
  explicit run_directory(fs::path root, existing_run policy = existing_run::refuse);

  /// Throws what the constructor would for a run that is in use, there already, or not there to be
  /// resumed, and makes nothing: worth asking before long preparations.
  static void preview(const fs::path& root, existing_run policy);

  /// True if a run lies in `root` that a version of triptych without lists left: its status.json is
  /// one. That its config.toml is one as well is for the caller to know.
  static bool has_run_without_list(const fs::path& root);

  /// True if another process has the run in `root`, of whatever version. Throws error::io.
  static bool is_held(const fs::path& root);

  /// True if the run in `root` ended at this step.
  static bool is_done(const fs::path& root, std::int64_t step);

  /// True if the run that is there was written with a list, or the directory is a new one.
  [[nodiscard]] bool listed() const;

  /// Lists names in `root` before they are written; see owned_names::claim.
  void claim(const std::vector<std::string>& names) const { owned_.claim(names); }

  /// Lists what a version without lists has written, once it has been found to be this run's:
  /// `belongs` says so of a checkpoint.
  void adopt(const std::vector<std::string>& names,
             const std::function<bool(const checkpoint_note&)>& belongs) const;

  /// Throws error::io if the directory is no longer where it was, and error::busy if its lock was
  /// removed and another process has a new one. Worth asking before something large is written.
  void check_held() const;

  [[nodiscard]] const fs::path& root() const noexcept { return root_; }
  [[nodiscard]] fs::path checkpoints() const { return root_ / "checkpoints"; }
  [[nodiscard]] fs::path exports() const { return root_ / "export"; }
  /// For TensorBoard.
  [[nodiscard]] fs::path events() const { return root_ / "tensorboard"; }

  /// Writes config.toml.
  void write_config(std::string_view text) const { write("config.toml", text); }

  /// Writes data.json: which images the run learns from.
  void write_data(std::string_view json) const { write("data.json", json); }

  /// Writes environment.json: one flat object of names and texts, in this order.
  void write_environment(const std::vector<std::pair<std::string, std::string>>& facts) const;

  /// Writes status.json. A run that says `running` while nobody holds the lock was killed.
  void write_status(run_state state, std::int64_t step, std::string_view reason = {}) const;

 private:
  /// Replaces a file of the run in the held directory.
  void write(const std::string& name, std::string_view text) const;

  void write_lock(std::string_view owner) const;

  /// The directories below `root` in which a run writes, with lists of their own.
  [[nodiscard]] std::vector<fs::path> parts() const;

  /// Unfinished files and directories; only the lock's holder may remove them.
  void clear_leftovers() const;

  /// What training wrote, and evaluation after it.
  void remove_run();

  fs::path root_;
  mutable owned_names owned_;  ///< grows as files are written
  mutable descriptor lock_;    ///< taken again where its file was removed
};

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/run_directory_inl.hpp>
#endif
