// apps/triptych/options/memory_advice.hpp
//
// What makes a command need less memory, such as "choose a smaller --batch"; empty where no option
// does, or none may be changed.
#pragma once

#include <string>

#include "triptych/options/options.hpp"

namespace triptych::app {

std::string less_memory(const train_options& o);
std::string less_memory(const data_options& o);
inline std::string less_memory(const reproduce_options& o) { return less_memory(o.train); }
inline std::string less_memory(const eval_options&) {
  return "choose a smaller --batch, or fewer images (--limit-per-file, if they are files)";
}
inline std::string less_memory(const embed_options&) { return less_memory(eval_options{}); }
inline std::string less_memory(const report_options&) {
  return "choose a smaller --batch or --map, fewer images (--limit-per-file), or --pictures off";
}
inline std::string less_memory(const export_options&) { return {}; }
inline std::string less_memory(const inspect_options&) { return {}; }
inline std::string less_memory(const runs_options&) { return {}; }
inline std::string less_memory(const compare_options&) { return {}; }
inline std::string less_memory(const merge_options&) { return {}; }
inline std::string less_memory(const doctor_options&) { return {}; }

}  // namespace triptych::app
