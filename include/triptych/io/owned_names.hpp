// triptych/io/owned_names.hpp
//
// Which entries of a directory we wrote: the file `.triptych` in it lists them, a name a line, and
// only what is listed may be replaced or removed. Every directory that we write into has its own
// list, which holds plain names, so that nothing in it can lead to another place:
//
//   triptych 1                       the format
//   latest                           a file or a link
//   step-000123/MANIFEST.json        a file in a directory that we made
//
// A name is listed, and the list is on the disk, before anything of that name is made. What is not
// finished, `.tmp-<name>-<pid>`, is ours where <name> is.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

inline constexpr const char* marker_name = ".triptych";

/// The list of one directory, which is held open.
class owned_names {
 public:
  /// Throws error::io if there is no such directory.
  explicit owned_names(const fs::path& path) : in_(path) { read(); }

  /// Reads the list again, as another process may have left it.
  void read() {
    listed_.clear();
    foreign_ = false;
    if (!in_.status(marker_name)) return;
    const file_bytes contents = marker();
    std::string_view text = contents.text();
    foreign_ = !text.starts_with(heading);
    if (foreign_) return;
    text.remove_prefix(heading.size());
    for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      if (plain(text.substr(0, end))) listed_.emplace(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  [[nodiscard]] const held_directory& in() const noexcept { return in_; }

  /// True for what is listed, and for a directory of which a file is.
  [[nodiscard]] bool has(const std::string& name) const {
    const auto found = listed_.lower_bound(name);
    if (found != listed_.end() && *found == name) return true;
    const auto inside = listed_.lower_bound(name + "/");
    return inside != listed_.end() && inside->starts_with(name + "/");
  }

  /// Lists what is about to be made. Throws error::usage, with the list unchanged, where something
  /// of that name is there already and is not ours.
  void claim(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (listed_.contains(name)) continue;
      const auto slash = name.find('/');
      const std::string top = name.substr(0, slash);
      const auto found = in_.status(top);
      if (!found) continue;
      if (slash == name.npos || !S_ISDIR(found->st_mode) ||
          held_directory(in_, top).status(name.substr(slash + 1))) {
        throw not_ours(name);
      }
    }
    adopt(names);
  }

  /// Lists names without asking whether they are there.
  void adopt(const std::vector<std::string>& names) {
    auto next = listed_;
    next.insert(names.begin(), names.end());
    become(std::move(next));
  }

  /// Removes listed files and directories. A directory is gone as a whole or there as a whole; with
  /// files that are not listed in it, it stays with them alone.
  void remove(const std::vector<std::string>& names) {
    take_away(names);
    auto next = listed_;
    std::erase_if(next, [&](const std::string& one) {
      return std::find(names.begin(), names.end(), top_of(one)) != names.end();
    });
    become(std::move(next));
  }

  /// Removes everything that is listed; the list is then `next`.
  void remove_all(const std::vector<std::string>& next = {}) {
    std::set<std::string> tops;
    for (const std::string& name : listed_) tops.insert(top_of(name));
    take_away({tops.begin(), tops.end()});
    become({next.begin(), next.end()});
  }

  /// Removes the list itself once it is empty.
  void forget() {
    if (!foreign_ && listed_.empty()) in_.remove(marker_name);
  }

  /// Removes what an interrupted process left unfinished of these names, of none: of any. Nobody
  /// else may be at work on them.
  void clear_leftovers(const std::vector<std::string>& names = {}) const {
    for (const std::string& name : in_.names()) {
      const auto meant = name_of_temporary(name);
      if (!meant) continue;
      const bool asked =
          names.empty() || std::find(names.begin(), names.end(), *meant) != names.end();
      const bool ours = has(*meant) || (*meant == marker_name && !foreign_ && !listed_.empty());
      if (asked && ours) clear(name, *meant);
    }
  }

  /// Removes the entry `name`, which was made as `meant`; of a directory what is listed, and the
  /// directory if nothing else is in it. False if it stays.
  bool clear(const std::string& name, const std::string& meant) const {
    const auto found = in_.status(name);
    if (!found) return true;
    if (!S_ISDIR(found->st_mode)) {
      in_.remove(name);
      return true;
    }
    const held_directory inside(in_, name);
    for (const std::string& file : inside.names()) {
      const std::string finished = name_of_temporary(file).value_or(file);
      if (listed_.contains(meant + "/" + finished)) inside.remove(file);
    }
    return in_.remove_directory(name);
  }

 private:
  static constexpr std::string_view heading = "triptych 1\n";
  static constexpr std::uint64_t longest = 1u << 20;

  static std::string top_of(const std::string& name) { return name.substr(0, name.find('/')); }

  void take_away(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      const auto found = in_.status(name);
      if (!found || !has(name)) continue;
      if (!S_ISDIR(found->st_mode)) {
        in_.remove(name);
        continue;
      }
      const std::string doomed = make_temporary(name, [&](const std::string& tried) {
        if (in_.status(tried)) return false;
        in_.rename(name, tried);
        return true;
      });
      if (!clear(doomed, name)) in_.rename(doomed, name);
    }
  }

  /// A name in this directory or in one below it, and nothing that leads elsewhere.
  static bool plain(std::string_view name) {
    const auto one = [](std::string_view part) {
      return !part.empty() && part != "." && part != ".." &&
             part.find_first_of(std::string_view("\0\n", 2)) == part.npos;
    };
    const auto slash = name.find('/');
    if (slash == name.npos) return one(name) && name != marker_name;
    const auto file = name.substr(slash + 1);
    return one(name.substr(0, slash)) && one(file) && file.find('/') == file.npos;
  }

  /// The text of the list; empty for a link, what is no regular file, and what is far too long.
  [[nodiscard]] file_bytes marker() const {
    input_file file{in_.path() / marker_name, in_.try_open(marker_name, O_RDONLY | O_NONBLOCK), 0};
    if (file.fd.get() < 0 && errno == ELOOP) return {};
    struct stat status {};
    if (file.fd.get() < 0 || ::fstat(file.fd.get(), &status) < 0)
      throw_io("read", file.path, errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || size > longest) return {};
    return read_bytes(file, static_cast<std::size_t>(size));
  }

  [[nodiscard]] error not_ours(const std::string& name) const {
    return error::usage((in_.path() / name).string() +
                        " is there and was not written by triptych here; move it away, or choose "
                        "another directory");
  }

  /// Writes the list first, so that it is never shorter than this thinks.
  void become(std::set<std::string> next) {
    if (next == listed_) return;
    if (foreign_) throw not_ours(marker_name);
    std::string text(heading);
    for (const std::string& name : next) {
      if (plain(name)) text += name + "\n";
    }
    replace_in(in_, marker_name,
               [&](const descriptor& fd, const fs::path& path) { write_all(fd, text, path); });
    listed_ = std::move(next);
  }

  held_directory in_;
  std::set<std::string> listed_;
  bool foreign_ = false;  ///< something else has the list's name
};

/// Removes what is listed in a directory, the list, and the directory if nothing else is in it;
/// one that is not there is fine.
inline void remove_owned(const fs::path& path) {
  if (!is_a_directory(path)) return;
  owned_names owned(path);
  owned.clear_leftovers();
  owned.remove_all();
  owned.forget();
  held_directory(path.parent_path()).remove_directory(path.filename().string());
}

}  // namespace triptych::io
