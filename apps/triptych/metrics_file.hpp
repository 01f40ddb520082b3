// apps/triptych/metrics_file.hpp
//
// A run's metrics, read back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

namespace triptych::app {

/// The records of the metrics in a run's directory; none where there is no such file. A torn last
/// line is left out. Throws error::checkpoint for what is no record.
inline std::vector<nlohmann::json> read_metrics(const std::filesystem::path& run) {
  const auto path = run / "metrics.jsonl";
  std::vector<nlohmann::json> records;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return records;
  const auto contents = io::read_file(path);
  std::string_view rest = contents.text();
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    records.push_back(io::parse_json_object(rest.substr(0, end), path.string(),
                                            "move the file away, then continue the run"));
    rest.remove_prefix(end + 1);
  }
  return records;
}

}  // namespace triptych::app
