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

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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
  void read();

  [[nodiscard]] const held_directory& in() const noexcept { return in_; }

  /// True for what is listed, and for a directory of which a file is.
  [[nodiscard]] bool has(const std::string& name) const;

  /// Lists what is about to be made. Throws error::usage, with the list unchanged, where something
  /// of that name is there already and is not ours.
  void claim(const std::vector<std::string>& names);

  /// Lists names without asking whether they are there.
  void adopt(const std::vector<std::string>& names);

  /// Removes listed files and directories. A directory is gone as a whole or there as a whole; with
  /// files that are not listed in it, it stays with them alone.
  void remove(const std::vector<std::string>& names);

  /// Removes everything that is listed; the list is then `next`.
  void remove_all(const std::vector<std::string>& next = {});

  /// Removes the list itself once it is empty.
  void forget();

  /// Removes what an interrupted process left unfinished of these names, of none: of any. Nobody
  /// else may be at work on them.
  void clear_leftovers(const std::vector<std::string>& names = {}) const;

  /// Removes the entry `name`, which was made as `meant`; of a directory what is listed, and the
  /// directory if nothing else is in it. False if it stays.
  bool clear(const std::string& name, const std::string& meant) const;

 private:
  static constexpr std::string_view heading = "triptych 1\n";
  static constexpr std::uint64_t longest = 1u << 20;

  void take_away(const std::vector<std::string>& names) const;

  /// The text of the list; empty for a link, what is no regular file, and what is far too long.
  [[nodiscard]] file_bytes marker() const;

  [[nodiscard]] error not_ours(const std::string& name) const;

  /// Writes the list first, so that it is never shorter than this thinks.
  void become(std::set<std::string> next);

  held_directory in_;
  std::set<std::string> listed_;
  bool foreign_ = false;  ///< something else has the list's name
};

/// Removes what is listed in a directory, the list, and the directory if nothing else is in it;
/// one that is not there is fine.
void remove_owned(const fs::path& path);

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/owned_names_inl.hpp>
#endif
