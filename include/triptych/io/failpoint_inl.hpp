// triptych/io/failpoint_inl.hpp
//
// The bodies of failpoint.hpp.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

#include <unistd.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>

namespace triptych::io {

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
  if (action == "ENOMEM") return ENOMEM;
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

TRIPTYCH_INLINE int failpoint(std::string_view name) {
  const char* setting = std::getenv("TRIPTYCH_FAILPOINT");
  return setting == nullptr ? 0 : detail::failpoint_passed(setting, name);
}

}  // namespace triptych::io
