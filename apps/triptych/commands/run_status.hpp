// apps/triptych/commands/run_status.hpp
//
// What a run's status.json says, and whether a process works on the run now.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/run_directory.hpp>

namespace triptych::app {

struct run_status {
  std::string state{}, reason{};
  std::int64_t step = 0;
  bool held = false;  ///< it says running, and a process works on it

  /// It says running and nobody works on it.
  [[nodiscard]] bool killed() const {
    return state == io::name_of(io::run_state::running) && !held;
  }
};

/// Of a run that has one. Throws error::checkpoint, ending with `advice`, for what is no status.
inline run_status read_status(const std::filesystem::path& run, const std::string& advice) {
  const auto path = run / "status.json";
  const auto json = io::parse_json_object(io::read_file(path).text(), path.string(), advice);
  const io::json_fields fields(json, path.string(), advice);
  run_status s{.state = fields.text("state"), .step = fields.count("step")};
  if (json.contains("reason")) s.reason = fields.text("reason");
  s.held = s.state == io::name_of(io::run_state::running) && io::run_directory::is_held(run);
  return s;
}

}  // namespace triptych::app
