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
#include <triptych/data/registry.hpp>

#include "triptych/options/command_line.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

// What makes a command need less memory, such as "choose a smaller --batch"; empty where no option
// does, or none may be changed.

inline std::string less_memory(const train_options& o) {
  if (!o.resume.empty()) return {};  // it goes on as it began
  std::string options = "--batch", last = "--width";
  for (const char* more : {"prototypes", "queue"}) {
    if (!method_takes(o, more)) continue;
    options += ", " + last;
    last = std::string("--") + more;
  }
  return "choose a smaller " + options + " or " + last + ", or fewer images (" +
         (data::generated(o.data) ? "--procedural-train)" : "--limit-per-file)");
}
inline std::string less_memory(const reproduce_options& o) { return less_memory(o.train); }
inline std::string less_memory(const eval_options&) {
  return "choose a smaller --batch, or fewer images (--limit-per-file, if they are files)";
}
inline std::string less_memory(const embed_options&) { return less_memory(eval_options{}); }
inline std::string less_memory(const report_options&) {
  return "choose a smaller --batch or --map, fewer images (--limit-per-file), or --pictures off";
}
inline std::string less_memory(const data_options& o) {
  const std::string images = data::generated(o.data) ? "--procedural-train" : "--limit-per-file";
  switch (o.action) {
  case choice::data_action::list:
    break;
  case choice::data_action::verify:
    return "choose fewer images (" + images + ")";
  case choice::data_action::show:
    return "choose a smaller --image-size, --views or --count, or fewer images (" + images + ")";
  }
  return {};
}
inline std::string less_memory(const export_options&) { return {}; }
inline std::string less_memory(const inspect_options&) { return {}; }
inline std::string less_memory(const runs_options&) { return {}; }
inline std::string less_memory(const compare_options&) { return {}; }
inline std::string less_memory(const merge_options&) { return {}; }
inline std::string less_memory(const doctor_options&) { return {}; }

/// `failure` as one of our own; `advice` is that of less_memory().
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
