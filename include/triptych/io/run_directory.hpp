// triptych/io/run_directory.hpp
//
// The directory of one training run, owned by one process at a time through a lock that the kernel
// releases however the process ends (not trustworthy on network file systems without flock):
//
//   config.toml  environment.json  status.json  lock  metrics.jsonl  metrics.csv  train.log
//   checkpoints/step-000123/  checkpoints/latest  export/encoder.safetensors  .triptych
//
// An existing run is continued or overwritten only when asked for, and only what the list of a
// directory, `.triptych` (owned_names.hpp), names is replaced or removed.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
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
inline bool lock_directory(const held_directory& in, int kind) {
  return detail::repeat_call("lock", [&] { return ::flock(in.get(), kind | LOCK_NB); }) == 0 ||
         errno != EWOULDBLOCK;
}

class run_directory {
 public:
  /// The files that training writes beside checkpoints and the export.
  static std::vector<std::string> files() {
    return {"config.toml",   "environment.json", "status.json",
            "metrics.jsonl", "metrics.csv",      "train.log"};
  }

  /// Makes or enters `root`, locks it, and clears what an interrupted process left. Throws
  /// error::usage (a run is there already, or none to resume, or files of somebody else),
  /// error::busy (another process has it) and error::io (not writable).
  explicit run_directory(fs::path root, existing_run policy = existing_run::refuse)
      : root_(prepared(std::move(root), policy)), owned_(root_),
        lock_(take_lock(owned_.in(), O_CREAT, LOCK_EX)) {
    owned_.read();
    if (const std::string what = objection(root_, policy); !what.empty()) throw error::usage(what);
    const std::string owner = std::to_string(::getpid());
    write_lock(owner);
    clear_leftovers();
    if (policy == existing_run::overwrite) remove_run();
  }

  /// Throws what the constructor would for a run that is in use, there already, or not there to be
  /// resumed, and makes nothing: worth asking before long preparations.
  static void preview(const fs::path& root, existing_run policy) {
    if (is_a_directory(root)) {  // a running run is busy before it is anything else
      static_cast<void>(take_lock(held_directory(root), 0, LOCK_SH));
    }
    if (const std::string what = objection(root, policy); !what.empty()) throw error::usage(what);
  }

  /// True if a run lies in `root` that a version of triptych without lists left: its status.json is
  /// one. That its config.toml is one as well is for the caller to know.
  static bool has_run_without_list(const fs::path& root) {
    std::error_code ignored;
    for (const char* name : {"config.toml", "status.json"}) {
      if (!fs::is_regular_file(root / name, ignored)) return false;
    }
    return status_in(root).has_value();
  }

  /// True if the run in `root` ended at this step.
  static bool is_done(const fs::path& root, std::int64_t step) {
    return status_in(root) == std::pair(std::string(name_of(run_state::done)), step);
  }

  /// True if the run that is there was written with a list, or the directory is a new one.
  [[nodiscard]] bool listed() const {
    return owned_.has("config.toml") || !owned_.in().status("config.toml");
  }

  /// Lists names in `root` before they are written; see owned_names::claim.
  void claim(const std::vector<std::string>& names) const { owned_.claim(names); }

  /// Lists what a version without lists has written, once it has been found to be this run's:
  /// `belongs` says so of a checkpoint.
  void adopt(const std::vector<std::string>& names,
             const std::function<bool(const checkpoint_note&)>& belongs) const {
    if (belongs) adopt_checkpoints(checkpoints(), belongs);
    if (is_there(exports() / "encoder.safetensors")) {
      owned_names(exports()).adopt({"encoder.safetensors"});
    }
    owned_.adopt(names);  // last: with this list the others are taken for whole
    clear_leftovers();
  }

  /// Throws error::io if the directory is no longer where it was, and error::busy if its lock was
  /// removed and another process has a new one. Worth asking before something large is written.
  void check_held() const {
    struct stat here {
    }, held{};
    if (::fstat(owned_.in().get(), &held) < 0) throw_io("look at", root_, errno);
    if (::stat(root_.c_str(), &here) < 0 || !same_file(here, held)) {
      throw error::io("the directory of the run, " + root_.string() +
                      ", was removed or moved away while the run was going on; continue it with "
                      "--resume where it lies now, or start it again");
    }
    const auto lock = owned_.in().status("lock");
    if (::fstat(lock_.get(), &held) < 0) throw_io("look at", root_ / "lock", errno);
    if (lock && same_file(*lock, held)) return;
    lock_ = take_file_lock(owned_.in(), O_CREAT, LOCK_EX);
    write_lock(std::to_string(::getpid()));
  }

  [[nodiscard]] const fs::path& root() const noexcept { return root_; }
  [[nodiscard]] fs::path checkpoints() const { return root_ / "checkpoints"; }
  [[nodiscard]] fs::path exports() const { return root_ / "export"; }

  /// Writes config.toml.
  void write_config(std::string_view text) const { write("config.toml", text); }

  /// Writes environment.json: one flat object of names and texts, in this order.
  void write_environment(const std::vector<std::pair<std::string, std::string>>& facts) const {
    std::string text = "{";
    for (const auto& [name, value] : facts) {
      text += (text.size() == 1 ? "\n  " : ",\n  ") + json_string(name) + ": " + json_string(value);
    }
    write("environment.json", text + "\n}\n");
  }

  /// Writes status.json. A run that says `running` while nobody holds the lock was killed.
  void write_status(run_state state, std::int64_t step, std::string_view reason = {}) const {
    write("status.json", "{\n  \"state\": " + json_string(name_of(state)) + ",\n  \"step\": " +
                             std::to_string(step) + ",\n  \"reason\": " + json_string(reason) +
                             ",\n  \"time\": " + json_string(utc_time()) +
                             ",\n  \"process\": " + std::to_string(::getpid()) + "\n}\n");
  }

 private:
  static std::string utc_time() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    char text[32];
    ::gmtime_r(&now, &parts);
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
  }

  /// Replaces a file of the run in the held directory.
  void write(const std::string& name, std::string_view text) const {
    owned_.claim({name});
    replace_in(owned_.in(), name,
               [&](const descriptor& fd, const fs::path& path) { write_all(fd, text, path); });
  }

  static fs::path prepared(fs::path root, existing_run policy) {
    preview(root, policy);  // not even a lock is left in a directory of somebody else
    make_directories(root);
    return root;
  }

  /// Why `policy` does not fit what is there; empty if it does.
  [[nodiscard]] static std::string objection(const fs::path& root, existing_run policy) {
    if (policy == existing_run::resume) {
      if (is_there(root / "config.toml")) return {};
      return "there is no run to resume in " + root.string() +
             "; start one without --resume, or correct --out";
    }
    const bool ours = is_a_directory(root) && owned_names(root).has("config.toml");
    if (ours && policy == existing_run::overwrite) return {};
    for (const std::string& name : names_in(root)) {
      if (name == "lock" || name == marker_name || name.starts_with(".tmp-")) continue;
      if (ours && !is_there(root / "config.toml")) {
        return root.string() + " holds what is left of a run that never began; replace it with "
               "--overwrite, or choose another --out";
      }
      if (ours) {
        return root.string() + " is not empty: it holds " + name +
               "; continue that run with --resume, replace it with --overwrite, or choose another "
               "--out";
      }
      if (has_run_without_list(root)) {
        return root.string() + " holds a run, but no list of its files (" + marker_name +
               "), as an older triptych made it; continue it with --resume, after which "
               "--overwrite can replace it, or choose another --out";
      }
      return root.string() + " is not empty: it holds " + name +
             ", and no run that triptych could continue or replace; choose another --out";
    }
    return {};
  }

  /// Both locks, that of the directory and that of the file in it, which older versions know alone.
  [[nodiscard]] static descriptor take_lock(const held_directory& root, int create, int kind) {
    if (!lock_directory(root, kind)) throw busy(root, root.try_open("lock", O_RDONLY | O_NONBLOCK));
    return take_file_lock(root, create, kind);
  }

  /// The lock, held until the descriptor is closed. `create` is O_CREAT or 0; without it a lock
  /// that is not there is fine.
  [[nodiscard]] static descriptor take_file_lock(const held_directory& root, int create, int kind) {
    const fs::path path = root.path() / "lock";
    descriptor lock = root.try_open("lock", O_RDWR | O_NONBLOCK | create);
    if (lock.get() < 0 && errno == ENOENT && create == 0) return lock;
    if (lock.get() < 0 && errno != ELOOP && errno != EISDIR) throw_io("open", path, errno);
    struct stat found {};
    if (lock.get() < 0 || ::fstat(lock.get(), &found) < 0 || !S_ISREG(found.st_mode) ||
        found.st_nlink > 1 || !holds_owner(lock)) {
      throw error::usage(path.string() +
                         " is not the lock of a run but a link or a file of another kind; move it "
                         "away, or choose another --out");
    }
    if (detail::repeat_call("lock", [&] { return ::flock(lock.get(), kind | LOCK_NB); }) < 0) {
      if (errno != EWOULDBLOCK) throw_io("lock", path, errno);
      throw busy(root, lock);
    }
    return lock;
  }

  /// What a lock says: the number of its owner's process, or nothing.
  static std::string owner_of(const descriptor& lock) {
    char owner[24];
    const ssize_t size =
        detail::repeat_call("read", [&] { return ::pread(lock.get(), owner, sizeof owner, 0); });
    return size > 0 ? std::string(owner, static_cast<std::size_t>(size)) : std::string();
  }

  static bool holds_owner(const descriptor& lock) {
    return owner_of(lock).find_first_not_of("0123456789") == std::string::npos;
  }

  static error busy(const held_directory& root, const descriptor& lock) {
    const std::string owner = owner_of(lock);
    return error::busy("the run in " + root.path().string() + " is in use by process " +
                       (owner.empty() ? "unknown" : owner) +
                       "; wait until it ends, or choose another --out");
  }

  void write_lock(std::string_view owner) const {
    const fs::path path = root_ / "lock";
    const int result = detail::repeat_call("truncate", [&] { return ::ftruncate(lock_.get(), 0); });
    if (result < 0) throw_io("write", path, errno);
    write_all(lock_, owner, path);
  }

  static bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  }

  /// The directories below `root` in which a run writes, with lists of their own.
  [[nodiscard]] std::vector<fs::path> parts() const {
    const fs::path eval = root_ / "eval";
    std::vector<fs::path> list{checkpoints(), exports()};
    for (const std::string& name : names_in(eval)) {
      if (is_there(eval / name / marker_name)) list.push_back(eval / name);
    }
    list.push_back(eval);
    return list;
  }

  /// State and step as status.json says; nothing where it does not.
  static std::optional<std::pair<std::string, std::int64_t>> status_in(const fs::path& root) {
    const fs::path path = root / "status.json";
    try {
      const auto status = parse_json_object(read_file(path).text(), path.string(), "");
      const json_fields fields(status, path.string(), "");
      return std::pair(fields.text("state"), fields.count("step"));
    } catch (const error&) {
      return {};
    }
  }

  /// Unfinished files and directories; only the lock's holder may remove them.
  void clear_leftovers() const {
    owned_.clear_leftovers();
    for (const fs::path& part : {checkpoints(), exports()}) {
      if (is_a_directory(part)) owned_names(part).clear_leftovers();
    }
  }

  /// What training wrote, and evaluation after it.
  void remove_run() {
    for (const fs::path& part : parts()) remove_owned(part);
    owned_.remove_all(files());
  }

  fs::path root_;
  mutable owned_names owned_;  ///< grows as files are written
  mutable descriptor lock_;    ///< taken again where its file was removed
};

}  // namespace triptych::io
