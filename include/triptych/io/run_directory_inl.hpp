// triptych/io/run_directory_inl.hpp
//
// The bodies of run_directory.hpp.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_list.hpp>
#include <triptych/io/checkpoint_loading.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

namespace triptych::io {

namespace detail {

inline std::string utc_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  ::gmtime_r(&now, &parts);
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

inline bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// What a lock holds: the number of its owner's process, or nothing.
inline std::string owner_of(const descriptor& lock) {
  char owner[24];
  const ssize_t size =
      repeat_call("read", [&] { return ::pread(lock.get(), owner, sizeof owner, 0); });
  return size > 0 ? std::string(owner, static_cast<std::size_t>(size)) : std::string();
}

inline bool holds_owner(const descriptor& lock) {
  return owner_of(lock).find_first_not_of("0123456789") == std::string::npos;
}

inline error busy(const held_directory& root, const descriptor& lock) {
  const std::string text = owner_of(lock);
  const std::string owner = text.substr(0, text.find_first_not_of("0123456789"));
  return error::busy("the run in " + root.path().string() + " is in use by process " +
                     (owner.empty() ? "unknown" : owner) +
                     "; wait until it ends, or choose another `out`");
}

/// Whether attempt() succeeds within 0.2 s: longer than who only looks at a run holds its locks.
template <class Attempt>
[[nodiscard]] bool before_long(const Attempt& attempt) {
  constexpr int most_tries = 11;
  for (int tries = 1; !attempt(); ++tries) {
    if (tries == most_tries) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

/// The lock, held until the descriptor is closed. `create` is O_CREAT or 0; without it a lock
/// that is not there is fine.
[[nodiscard]] inline descriptor take_file_lock(const held_directory& root, int create, int kind) {
  const fs::path path = root.path() / "lock";
  descriptor lock = root.try_open("lock", O_RDWR | O_NONBLOCK | create);
  if (lock.get() < 0 && errno == ENOENT && create == 0) return lock;
  if (lock.get() < 0 && errno != ELOOP && errno != EISDIR) throw_io("open", path, errno);
  struct stat found {};
  if (lock.get() < 0 || ::fstat(lock.get(), &found) < 0 || !S_ISREG(found.st_mode) ||
      found.st_nlink > 1 || !holds_owner(lock)) {
    throw error::usage(path.string() +
                       " is not the lock of a run but a link or a file of another kind; move it "
                       "away, or choose another `out`");
  }
  const bool taken = before_long([&] {
    if (repeat_call("lock", [&] { return ::flock(lock.get(), kind | LOCK_NB); }) == 0) return true;
    if (errno != EWOULDBLOCK) throw_io("lock", path, errno);
    return false;
  });
  if (!taken) throw busy(root, lock);
  return lock;
}

/// Both locks, that of the directory and that of the file in it, which older versions know alone.
[[nodiscard]] inline descriptor take_lock(const held_directory& root, int create, int kind) {
  if (!before_long([&] { return lock_directory(root, kind); })) {
    throw busy(root, root.try_open("lock", O_RDONLY | O_NONBLOCK));
  }
  return take_file_lock(root, create, kind);
}

/// State and step as status.json says; nothing where it does not.
inline std::optional<std::pair<std::string, std::int64_t>> status_in(const fs::path& root) {
  const fs::path path = root / "status.json";
  try {
    const auto status = parse_json_object(read_file(path).text(), path.string(), "");
    const json_fields fields(status, path.string(), "");
    return std::pair(fields.text("state"), fields.count("step"));
  } catch (const error&) {
    return {};
  }
}

/// Why `policy` does not fit what is there; empty if it does.
[[nodiscard]] inline std::string objection(const fs::path& root, existing_run policy) {
  if (policy == existing_run::resume) {
    if (is_there(root / "config.toml")) return {};
    return "there is no run to resume in " + root.string() +
           "; start one without `resume`, or correct `out`";
  }
  const bool ours = is_a_directory(root) && owned_names(root).has("config.toml");
  if (ours && policy == existing_run::overwrite) return {};
  for (const std::string& name : names_in(root)) {
    if (name == "lock" || name == marker_name || name.starts_with(".tmp-")) continue;
    if (ours && !is_there(root / "config.toml")) {
      return root.string() + " holds what is left of a run that never began; replace it with "
                             "`overwrite`, or choose another `out`";
    }
    if (ours) {
      return root.string() + " is not empty: it holds " + name +
             "; continue that run with `resume`, replace it with `overwrite`, or choose another "
             "`out`";
    }
    if (run_directory::has_run_without_list(root)) {
      return root.string() + " holds a run, but no list of its files (" + marker_name +
             "), as an older triptych made it; continue it with `resume`, after which "
             "`overwrite` can replace it, or choose another `out`";
    }
    return root.string() + " is not empty: it holds " + name +
           ", and no run that triptych could continue or replace; choose another `out`";
  }
  return {};
}

inline fs::path prepared(fs::path root, existing_run policy) {
  run_directory::preview(root, policy);  // not even a lock is left in a directory of somebody else
  make_directories(root);
  return root;
}

}  // namespace detail

TRIPTYCH_INLINE bool lock_directory(const held_directory& in, int kind) {
  return detail::repeat_call("lock", [&] { return ::flock(in.get(), kind | LOCK_NB); }) == 0 ||
         errno != EWOULDBLOCK;
}

TRIPTYCH_INLINE run_lock::run_lock(fs::path root)
    : in_(std::move(root)), file_(detail::take_lock(in_, 0, LOCK_EX)) {}

TRIPTYCH_INLINE run_directory::run_directory(fs::path root, existing_run policy)
    : root_(detail::prepared(std::move(root), policy)), owned_(root_),
      lock_(detail::take_lock(owned_.in(), O_CREAT, LOCK_EX)) {
  owned_.read();
  if (const std::string what = detail::objection(root_, policy); !what.empty())
    throw error::usage(what);
  const std::string owner = std::to_string(::getpid());
  write_lock(owner);
  clear_leftovers();
  if (policy != existing_run::overwrite) return;
  // What cannot be written afterwards is noticed while the run is whole.
  const auto claim_in = [](const fs::path& part, const std::vector<std::string>& names) {
    if (is_a_directory(part)) owned_names(part).claim(names);
  };
  claim_in(checkpoints(),
           {"latest", checkpoint_name(0) + "/" + std::string(detail::manifest_name)});
  claim_in(exports(), export_files());
  owned_.claim(files());
  remove_run();
}

TRIPTYCH_INLINE void run_directory::preview(const fs::path& root, existing_run policy) {
  const auto refuse_running = [&root] {
    if (is_a_directory(root)) {
      static_cast<void>(detail::take_lock(held_directory(root), 0, LOCK_SH));
    }
  };
  refuse_running();  // a running run is busy before it is anything else
  if (const std::string what = detail::objection(root, policy); !what.empty()) {
    refuse_running();  // also one that began meanwhile, whose files are then in the way
    throw error::usage(what);
  }
}

TRIPTYCH_INLINE bool run_directory::has_run_without_list(const fs::path& root) {
  std::error_code ignored;
  for (const char* name : {"config.toml", "status.json"}) {
    if (!fs::is_regular_file(root / name, ignored)) return false;
  }
  return detail::status_in(root).has_value();
}

TRIPTYCH_INLINE bool run_directory::is_held(const fs::path& root) {
  const held_directory in(root);
  if (!lock_directory(in, LOCK_SH)) return true;
  const descriptor lock = in.try_open("lock", O_RDONLY | O_NONBLOCK);
  const auto take = [&] { return ::flock(lock.get(), LOCK_SH | LOCK_NB); };
  return lock.get() >= 0 && detail::repeat_call("lock", take) < 0 && errno == EWOULDBLOCK;
}

TRIPTYCH_INLINE bool run_directory::is_done(const fs::path& root, std::int64_t step) {
  return detail::status_in(root) == std::pair(std::string(name_of(run_state::done)), step);
}

TRIPTYCH_INLINE bool run_directory::listed() const {
  return owned_.has("config.toml") || !owned_.in().status("config.toml");
}

TRIPTYCH_INLINE void
run_directory::adopt(const std::vector<std::string>& names,
                     const std::function<bool(const checkpoint_note&)>& belongs) const {
  if (belongs) adopt_checkpoints(checkpoints(), belongs);
  const std::string encoder = export_files().front();
  if (is_there(exports() / encoder)) owned_names(exports()).adopt({encoder});
  owned_.adopt(names);  // last: with this list the others are taken for whole
  clear_leftovers();
}

TRIPTYCH_INLINE void run_directory::check_held() const {
  if (!owned_.in().in_place()) {
    throw error::io("the directory of the run, " + root_.string() +
                    ", was removed or moved away while the run was going on; continue it with "
                    "`resume` where it lies now, or start it again");
  }
  const auto lock = owned_.in().status("lock");
  struct stat held {};
  if (::fstat(lock_.get(), &held) < 0) throw_io("look at", root_ / "lock", errno);
  if (lock && detail::same_file(*lock, held)) return;
  lock_ = detail::take_file_lock(owned_.in(), O_CREAT, LOCK_EX);
  write_lock(std::to_string(::getpid()));
}

TRIPTYCH_INLINE void run_directory::write_environment(
    const std::vector<std::pair<std::string, std::string>>& facts) const {
  std::string text = "{";
  for (const auto& [name, value] : facts) {
    text += (text.size() == 1 ? "\n  " : ",\n  ") + json_string(name) + ": " + json_string(value);
  }
  write("environment.json", text + "\n}\n");
}

TRIPTYCH_INLINE void run_directory::write_status(run_state state, std::int64_t step,
                                                 std::string_view reason) const {
  write("status.json", "{\n  \"state\": " + json_string(name_of(state)) + ",\n  \"step\": " +
                           std::to_string(step) + ",\n  \"reason\": " + json_string(reason) +
                           ",\n  \"time\": " + json_string(detail::utc_time()) +
                           ",\n  \"process\": " + std::to_string(::getpid()) + "\n}\n");
}

TRIPTYCH_INLINE void run_directory::write(const std::string& name, std::string_view text) const {
  owned_.claim({name});
  replace_in(owned_.in(), name,
             [&](const descriptor& fd, const fs::path& path) { write_all(fd, text, path); });
}

TRIPTYCH_INLINE void run_directory::write_lock(std::string_view owner) const {
  const fs::path path = root_ / "lock";
  const int result = detail::repeat_call("truncate", [&] { return ::ftruncate(lock_.get(), 0); });
  if (result < 0) throw_io("write", path, errno);
  write_all(lock_, owner, path);
}

TRIPTYCH_INLINE std::vector<fs::path> run_directory::parts() const {
  std::vector<fs::path> list{checkpoints(), exports(), events()};
  // What is found by listing may be a link of anybody's to a directory of another run.
  const auto within = [](const fs::path& directory) {
    std::vector<fs::path> found;
    for (const std::string& name : names_in(directory)) {
      if (!fs::is_symlink(directory / name)) found.push_back(directory / name);
    }
    return found;
  };
  const auto add_evaluation = [&](const fs::path& eval) {
    for (const auto& part : within(eval)) {
      if (is_there(part / marker_name)) list.push_back(part);
    }
    list.push_back(eval);
  };
  add_evaluation(root_ / "eval");
  const fs::path others = root_ / "transfer";  // a directory for each data set
  for (const auto& set : within(others)) {
    add_evaluation(set / "eval");
    list.push_back(set);
  }
  list.push_back(others);
  return list;
}

TRIPTYCH_INLINE void run_directory::clear_leftovers() const {
  owned_.clear_leftovers();
  for (const fs::path& part : {checkpoints(), exports(), events()}) {
    if (is_a_directory(part)) owned_names(part).clear_leftovers();
  }
}

TRIPTYCH_INLINE void run_directory::remove_run() {
  for (const fs::path& part : parts()) remove_owned(part);
  owned_.remove_all(files());
}

}  // namespace triptych::io
