// apps/triptych/commands/metrics_file.hpp
//
// What is read back of a run's metrics.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/eval/accuracy.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

namespace triptych::app {

/// Some numbers of a record; nothing for what was not measured or was not finite.
struct metrics_record {
  std::int64_t step = 0;
  std::optional<double> seconds, knn;
};

/// Calls visit(fields, object) for each record of the metrics in a run's directory; never where
/// there is no such file. A torn last line is left out. Throws error::checkpoint for what is no
/// record.
template <class Visit>
void each_record(const std::filesystem::path& run, const Visit& visit) {
  const auto path = run / "metrics.jsonl";
  const std::string advice = "move the file away, then continue the run";
  if (!io::is_there(path)) return;
  const auto contents = io::read_file(path, io::any_length);
  std::string_view rest = contents.text();
  std::int64_t line = 0;
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    const auto place = path.string() + ", line " + std::to_string(++line);
    const auto json = io::parse_json_object(rest.substr(0, end), place, advice);
    visit(io::json_fields(json, place, advice), json);
    rest.remove_prefix(end + 1);
  }
}

/// What every reader of a record checks. Throws error::checkpoint.
inline metrics_record record_of(const io::json_fields& fields) {
  return {fields.count("step"), fields.measured("wall_s", 0, std::numeric_limits<double>::max()),
          fields.measured("knn_top1", 0, eval::most_percent)};
}

/// The records of the metrics in a run's directory, a few words each; see each_record().
inline std::vector<metrics_record> read_metrics(const std::filesystem::path& run) {
  std::vector<metrics_record> records;
  each_record(run, [&](const io::json_fields& fields, const nlohmann::json&) {
    records.push_back(record_of(fields));
  });
  return records;
}

/// Calls visit(name, number) for the numbers of a record that are known, but for the step.
template <class Visit>
void each_number(const nlohmann::json& record, const Visit& visit) {
  for (const auto& [name, value] : record.items()) {
    if (name != "step" && value.is_number()) visit(name, value.template get<double>());
  }
}

/// A number of the metrics; nothing where it was not measured or was not finite.
struct logged_number {
  std::int64_t step = 0;
  std::optional<double> value;
};

/// All numbers of the metrics by their columns, each by ascending step; see each_record().
inline std::map<std::string, std::vector<logged_number>>
read_columns(const std::filesystem::path& run) {
  constexpr double most = std::numeric_limits<double>::max();
  std::map<std::string, std::vector<logged_number>> all;
  each_record(run, [&](const io::json_fields& fields, const nlohmann::json& json) {
    const auto step = fields.count("step");
    for (const auto& [name, value] : json.items()) {
      if (name == "step") continue;
      all[name].push_back({step, fields.measured(name.c_str(), -most, most)});
    }
  });
  return all;
}

}  // namespace triptych::app
