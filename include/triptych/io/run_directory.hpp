// triptych/io/run_directory.hpp
//
// The directory of one training run, owned by one process at a time through a lock that the kernel
// releases however the process ends (not trustworthy on network file systems without flock):
//
//   config.toml  environment.json  status.json  lock  metrics.jsonl  metrics.csv  train.log
//   checkpoints/step-000123/  checkpoints/latest  export/encoder.safetensors
//
// An existing run is continued or overwritten only when asked for, and overwriting removes only
// what a run writes, never a file of somebody else.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

/// What to do where a run already is.
enum class existing_run { refuse, resume, overwrite };

enum class run_state { running, done, failed, interrupted };

inline std::string_view name_of(run_state state) {
  constexpr std::array<std::string_view, 4> names{"running", "done", "failed", "interrupted"};
  return names[static_cast<std::size_t>(state)];
}

class run_directory {
 public:
  /// Makes or enters `root`, locks it, and clears what an interrupted process left. Throws
  /// error::usage (a run is there already, or none to resume), error::busy (another process has
  /// it) and error::io (not writable).
  explicit run_directory(fs::path root, existing_run policy = existing_run::refuse)
      : root_(std::move(root)) {
    preview(root_, policy);  // not even a lock is left in a directory of somebody else
    make_directories(root_);
    lock_ = take_lock(root_, O_CREAT, LOCK_EX);
    if (const std::string what = objection(root_, policy); !what.empty()) throw error::usage(what);
    if (::ftruncate(lock_.get(), 0) < 0) throw_io("write", root_ / "lock", errno);
    write_all(lock_, std::to_string(::getpid()), root_ / "lock");
    remove_leftovers(root_);
    remove_leftovers(checkpoints());
    remove_leftovers(exports());
    if (policy == existing_run::overwrite) remove_run();
  }

  /// Throws what the constructor would for a run that is in use, there already, or not there to be
  /// resumed, and makes nothing: worth asking before long preparations.
  static void preview(const fs::path& root, existing_run policy) {
    std::error_code ignored;
    // A running run is busy before it is anything else.
    if (fs::exists(root / "lock", ignored)) static_cast<void>(take_lock(root, 0, LOCK_SH));
    if (const std::string what = objection(root, policy); !what.empty()) throw error::usage(what);
  }

  [[nodiscard]] const fs::path& root() const noexcept { return root_; }
  [[nodiscard]] fs::path checkpoints() const { return root_ / "checkpoints"; }
  [[nodiscard]] fs::path exports() const { return root_ / "export"; }

  /// Writes config.toml.
  void write_config(std::string_view text) const { replace_file(root_ / "config.toml", text); }

  /// Writes environment.json: one flat object of names and texts, in this order.
  void write_environment(const std::vector<std::pair<std::string, std::string>>& facts) const {
    std::string text = "{";
    for (const auto& [name, value] : facts) {
      text += (text.size() == 1 ? "\n  " : ",\n  ") + json_string(name) + ": " + json_string(value);
    }
    replace_file(root_ / "environment.json", text + "\n}\n");
  }

  /// Writes status.json. A run that says `running` while nobody holds the lock was killed.
  void write_status(run_state state, std::int64_t step, std::string_view reason = {}) const {
    replace_file(root_ / "status.json",
                 "{\n  \"state\": " + json_string(name_of(state)) + ",\n  \"step\": " +
                     std::to_string(step) + ",\n  \"reason\": " + json_string(reason) +
                     ",\n  \"time\": " + json_string(utc_time()) +
                     ",\n  \"process\": " + std::to_string(::getpid()) + "\n}\n");
  }

 private:
  static constexpr std::array<std::string_view, 8> files{
      "config.toml", "environment.json", "status.json", "metrics.jsonl",
      "metrics.csv", "train.log",        "eval.json",   "export/encoder.safetensors"};

  static std::string utc_time() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    char text[32];
    ::gmtime_r(&now, &parts);
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
  }

  /// The names in a directory; none if there is no such directory.
  static std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code code;
    fs::directory_iterator entry(directory, code);
    for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
      names.push_back(entry->path().filename().string());
    }
    if (code && code.value() != ENOENT) throw_io("list", directory, code.value());
    return names;
  }

  /// Why `policy` does not fit what is there; empty if it does.
  [[nodiscard]] static std::string objection(const fs::path& root, existing_run policy) {
    std::error_code ignored;
    if (policy == existing_run::resume && !fs::exists(root / "config.toml", ignored)) {
      return "there is no run to resume in " + root.string() +
             "; start one without --resume, or correct --out";
    }
    if (policy != existing_run::refuse) return {};
    for (const std::string& name : names_in(root)) {
      if (name == "lock" || name.starts_with(".tmp-")) continue;
      return root.string() + " is not empty: it holds " + name +
             "; continue that run with --resume, replace it with --overwrite, or choose another "
             "--out";
    }
    return {};
  }

  /// The lock, held until the descriptor is closed. `create` is O_CREAT or 0.
  [[nodiscard]] static descriptor take_lock(const fs::path& root, int create, int kind) {
    const fs::path path = root / "lock";
    descriptor lock = open_file(path, O_RDWR | create);
    while (::flock(lock.get(), kind | LOCK_NB) < 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) throw_io("lock", path, errno);
      char owner[24];
      const ssize_t size = ::pread(lock.get(), owner, sizeof owner, 0);
      throw error::busy(
          "the run in " + root.string() + " is in use by process " +
          (size > 0 ? std::string(owner, static_cast<std::size_t>(size)) : "unknown") +
          "; wait until it ends, or choose another --out");
    }
    return lock;
  }

  /// Unfinished files and directories; only the lock's holder may remove them.
  static void remove_leftovers(const fs::path& directory) {
    for (const std::string& name : names_in(directory)) {
      if (name.starts_with(".tmp-")) remove_tree(directory / name);
    }
  }

  /// Removes a file, or a directory if it is empty.
  static void remove_own(const fs::path& path) {
    std::error_code code;
    fs::remove(path, code);
    if (code && code.value() != ENOTEMPTY && code.value() != EEXIST && code.value() != ENOTDIR) {
      throw_io("remove", path, code.value());
    }
  }

  /// Removes the checkpoints in a directory, and the directory if nothing else is in it.
  static void remove_checkpoints(const fs::path& directory) {
    remove_own(directory / "latest");
    for (const std::string& name : names_in(directory)) {
      const bool ours = name.starts_with("step-") && name.size() > 5 &&
                        name.find_first_not_of("0123456789", 5) == name.npos;
      if (!ours) continue;
      const fs::path checkpoint = directory / name;
      remove_own(checkpoint / "MANIFEST.json");  // first: what is left is then no checkpoint
      for (const std::string& file : names_in(checkpoint)) {
        if (file.ends_with(".safetensors")) remove_own(checkpoint / file);
      }
      remove_own(checkpoint);
    }
    remove_own(directory);
  }

  /// What training wrote, and evaluation after it.
  void remove_run() const {
    remove_checkpoints(checkpoints());
    remove_checkpoints(root_ / "eval" / "linear");
    for (const std::string_view name : files) remove_own(root_ / name);
    remove_own(root_ / "eval");
    remove_own(exports());
  }

  fs::path root_;
  descriptor lock_;
};

}  // namespace triptych::io
