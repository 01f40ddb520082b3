// apps/triptych/commands/metrics_file.hpp
//
// What is read back of a run's metrics.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/eval/accuracy.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

namespace triptych::app {

/// Numbers of a record; nothing for what was not measured or was not finite.
struct metrics_record {
  std::int64_t step = 0;
  std::optional<double> seconds, knn;
  std::vector<std::pair<std::string, double>> numbers{};  ///< all that are known, by name
};

/// The records of the metrics in a run's directory; none where there is no such file. A torn last
/// line is left out. Throws error::checkpoint for what is no record.
inline std::vector<metrics_record> read_metrics(const std::filesystem::path& run) {
  const auto path = run / "metrics.jsonl";
  const std::string advice = "move the file away, then continue the run";
  std::vector<metrics_record> records;
  if (!io::is_there(path)) return records;
  const auto contents = io::read_file(path, io::any_length);
  std::string_view rest = contents.text();
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    const auto place = path.string() + ", line " + std::to_string(records.size() + 1);
    const auto json = io::parse_json_object(rest.substr(0, end), place, advice);
    const io::json_fields fields(json, place, advice);
    records.push_back({fields.count("step"),
                       fields.measured("wall_s", 0, std::numeric_limits<double>::max()),
                       fields.measured("knn_top1", 0, eval::most_percent)});
    for (const auto& [name, value] : json.items()) {
      if (name != "step" && value.is_number()) {
        records.back().numbers.emplace_back(name, value.get<double>());
      }
    }
    rest.remove_prefix(end + 1);
  }
  return records;
}

}  // namespace triptych::app
