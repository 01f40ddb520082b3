// apps/triptych/failure.hpp
//
// Every exception as one sentence with its exit code, also those that the standard library and the
// system throw: no memory, no thread, no file.
#pragma once

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <triptych/core/error.hpp>

#include "triptych/options/command_line.hpp"

namespace triptych::app {

/// `failure` as one of our own; `advice` says what needs less memory (memory_advice.hpp).
inline error as_error(const std::exception& failure, const std::string& advice = {}) {
  const std::string what = failure.what();
  const auto no_memory = [&] {
    return error::memory("out of memory; " + (advice.empty() ? "" : advice + ", or ") +
                         "free some, or raise the limit (ulimit -v)");
  };
  if (const auto* own = dynamic_cast<const error*>(&failure)) return in_flags(*own);
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return no_memory();
  if (dynamic_cast<const std::length_error*>(&failure) != nullptr) return no_memory();  // too large
  if (const auto* refused = dynamic_cast<const std::system_error*>(&failure)) {
    const auto& code = refused->code();
    if (code == std::errc::not_enough_memory) return no_memory();
    if (code == std::errc::resource_unavailable_try_again) {
      return error::memory("out of threads or memory: " + what +
                           "; raise the limits on processes (ulimit -u) and on memory (ulimit -v)");
    }
    if (code.category() == std::system_category() || code.category() == std::generic_category()) {
      return error::io("the system refused: " + what +
                       "; check the path and its permissions, then try again");
    }
  }
  return error::runtime("unexpected: " + what + "; please report this");
}

}  // namespace triptych::app
