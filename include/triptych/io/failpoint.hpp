// triptych/io/failpoint.hpp
//
// Named places where a test can make the program die or the file system fail, so that every step of
// every write protocol is exercised. Without the environment variable a passage costs one getenv,
// and passages lie only on paths that enter the kernel anyway.
//
// TRIPTYCH_FAILPOINT=NAME[#K][:ACTION] acts on the K-th passage (default: the first) of NAME:
//   NAME    open, read, write, sync, rename, mkdir, symlink, truncate, list, remove, chmod, lock,
//           or a step of the save protocol, such as checkpoint.renamed (see checkpoint.hpp);
//           * is any of them
//   ACTION  kill (default): leave at once with exit code 137, as after kill -9;
//           ENOSPC EIO EINTR EROFS EFBIG EACCES: the call fails so, once;
//           short: a write accepts a single byte
#pragma once

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

#include <unistd.h>

#include <triptych/core/error.hpp>

namespace triptych::io {

/// What `failpoint` returns in place of an errno when a write is to be cut short.
inline constexpr int short_write = -1;

namespace detail {

inline int failpoint_action(std::string_view action) {
  if (action.empty() || action == "kill") ::_exit(137);
  if (action == "short") return short_write;
  if (action == "ENOSPC") return ENOSPC;
  if (action == "EIO") return EIO;
  if (action == "EINTR") return EINTR;
  if (action == "EROFS") return EROFS;
  if (action == "EFBIG") return EFBIG;
  if (action == "EACCES") return EACCES;
  throw error::usage("TRIPTYCH_FAILPOINT: unknown action '" + std::string(action) +
                     "'; unset the variable");
}

inline int failpoint_passed(std::string_view setting, std::string_view passed) {
  const auto colon = setting.find(':');
  const auto action = colon == setting.npos ? std::string_view() : setting.substr(colon + 1);
  auto name = setting.substr(0, colon);
  long target = 1;
  if (const auto hash = name.find('#'); hash != name.npos) {
    target = std::strtol(std::string(name.substr(hash + 1)).c_str(), nullptr, 10);
    name = name.substr(0, hash);
  }
  if (name != "*" && name != passed) return 0;

  static std::mutex mutex;
  static std::string counted;  // a new setting starts a new count
  static long passages = 0;
  const std::lock_guard lock(mutex);
  if (counted != setting) {
    counted = setting;
    passages = 0;
  }
  return ++passages == target ? failpoint_action(action) : 0;
}

}  // namespace detail

/// Marks a passage; returns 0, the errno to simulate, or `short_write`.
inline int failpoint(std::string_view name) {
  const char* setting = std::getenv("TRIPTYCH_FAILPOINT");
  return setting == nullptr ? 0 : detail::failpoint_passed(setting, name);
}

}  // namespace triptych::io
