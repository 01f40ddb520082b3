// triptych/io/owned_names_inl.hpp
//
// The bodies of owned_names.hpp.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>

namespace triptych::io {

namespace detail {

inline std::string top_of(const std::string& name) { return name.substr(0, name.find('/')); }

/// A name in this directory or in one below it, and nothing that leads elsewhere.
inline bool plain(std::string_view name) {
  const auto one = [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." &&
           part.find_first_of(std::string_view("\0\n", 2)) == part.npos;
  };
  const auto slash = name.find('/');
  if (slash == name.npos) return one(name) && name != marker_name;
  const auto file = name.substr(slash + 1);
  return one(name.substr(0, slash)) && one(file) && file.find('/') == file.npos;
}

}  // namespace detail

TRIPTYCH_INLINE void owned_names::read() {
  listed_.clear();
  foreign_ = false;
  if (!in_.status(marker_name)) return;
  const file_bytes contents = marker();
  std::string_view text = contents.text();
  foreign_ = !text.starts_with(heading);
  if (foreign_) return;
  text.remove_prefix(heading.size());
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    if (detail::plain(text.substr(0, end))) listed_.emplace(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

TRIPTYCH_INLINE bool owned_names::has(const std::string& name) const {
  const auto found = listed_.lower_bound(name);
  if (found != listed_.end() && *found == name) return true;
  const auto inside = listed_.lower_bound(name + "/");
  return inside != listed_.end() && inside->starts_with(name + "/");
}

TRIPTYCH_INLINE void owned_names::claim(const std::vector<std::string>& names) {
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

TRIPTYCH_INLINE void owned_names::adopt(const std::vector<std::string>& names) {
  auto next = listed_;
  next.insert(names.begin(), names.end());
  become(std::move(next));
}

TRIPTYCH_INLINE void owned_names::remove(const std::vector<std::string>& names) {
  take_away(names);
  auto next = listed_;
  std::erase_if(next, [&](const std::string& one) {
    return std::find(names.begin(), names.end(), detail::top_of(one)) != names.end();
  });
  become(std::move(next));
}

TRIPTYCH_INLINE void owned_names::remove_all(const std::vector<std::string>& next) {
  std::set<std::string> tops;
  for (const std::string& name : listed_) tops.insert(detail::top_of(name));
  take_away({tops.begin(), tops.end()});
  become({next.begin(), next.end()});
}

TRIPTYCH_INLINE void owned_names::forget() {
  if (!foreign_ && listed_.empty()) in_.remove(marker_name);
}

TRIPTYCH_INLINE void owned_names::clear_leftovers(const std::vector<std::string>& names) const {
  for (const std::string& name : in_.names()) {
    const auto meant = name_of_temporary(name);
    if (!meant) continue;
    const bool asked =
        names.empty() || std::find(names.begin(), names.end(), *meant) != names.end();
    const bool ours = has(*meant) || (*meant == marker_name && !foreign_ && !listed_.empty());
    if (asked && ours) clear(name, *meant);
  }
}

TRIPTYCH_INLINE bool owned_names::clear(const std::string& name, const std::string& meant) const {
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

TRIPTYCH_INLINE void owned_names::take_away(const std::vector<std::string>& names) const {
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

TRIPTYCH_INLINE file_bytes owned_names::marker() const {
  input_file file{in_.path() / marker_name, in_.try_open(marker_name, O_RDONLY | O_NONBLOCK), 0};
  if (file.fd.get() < 0 && errno == ELOOP) return {};
  struct stat status {};
  if (file.fd.get() < 0 || ::fstat(file.fd.get(), &status) < 0) throw_io("read", file.path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size > longest) return {};
  return read_bytes(file, static_cast<std::size_t>(size));
}

TRIPTYCH_INLINE error owned_names::not_ours(const std::string& name) const {
  return error::usage((in_.path() / name).string() +
                      " is there and was not written by triptych here; move it away, or choose "
                      "another directory");
}

TRIPTYCH_INLINE void owned_names::become(std::set<std::string> next) {
  if (next == listed_) return;
  if (foreign_) throw not_ours(marker_name);
  std::string text(heading);
  for (const std::string& name : next) {
    if (detail::plain(name)) text += name + "\n";
  }
  replace_in(in_, marker_name,
             [&](const descriptor& fd, const fs::path& path) { write_all(fd, text, path); });
  listed_ = std::move(next);
}

TRIPTYCH_INLINE void remove_owned(const fs::path& path) {
  if (!is_a_directory(path)) return;
  owned_names owned(path);
  owned.clear_leftovers();
  owned.remove_all();
  owned.forget();
  held_directory(path.parent_path()).remove_directory(path.filename().string());
}

}  // namespace triptych::io
