// Copies of cells and of evaluations that name no place.
#include "triptych/commands/compact_cell.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/owned_names.hpp>

#include "triptych/commands/evaluation.hpp"

namespace triptych::app {

namespace fs = std::filesystem;

namespace {

bool is_the_same(const fs::path& a, const fs::path& b) {
  std::error_code none;
  return fs::equivalent(a, b, none);
}

/// config.toml as it is, without the lines that name places.
std::string placeless_config(const fs::path& run) {
  const auto contents = io::read_file(run / "config.toml");
  std::istringstream lines{std::string(contents.text())};
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("out = ") && !line.starts_with("data-dir = ")) kept += line + "\n";
  }
  return kept;
}

/// environment.json without the directory.
std::string placeless_environment(const fs::path& run) {
  const fs::path file = run / "environment.json";
  const auto contents = io::read_file(file);
  nlohmann::ordered_json kept = nlohmann::ordered_json::object();
  io::visit_json_object(contents.text(), file.string(), cell_repair, 0,
                        [&](const std::string& key, const nlohmann::json& value) {
                          if (key != "directory") kept[key] = value;
                        });
  return kept.dump(2) + "\n";
}

}  // namespace

void copy_cell(const fs::path& run, const fs::path& to, const std::vector<std::string>& records) {
  if (is_the_same(run, to)) return;
  const bool finished = std::all_of(records.begin(), records.end(), [&](const std::string& record) {
    return io::is_there(to / "eval" / record);
  });
  if (!finished) {
    io::make_directories(to / "eval");
    io::owned_names list(to);
    list.claim({cell_files.begin(), cell_files.end()});
    for (const char* name : {"data.json", "metrics.jsonl", "status.json"}) {
      io::replace_file(to / name, io::read_file(run / name).text());
    }
    io::replace_file(to / "environment.json", placeless_environment(run));
    io::replace_file(to / "config.toml", placeless_config(run));
  }
  for (const auto& record : records) copy_record(run / "eval" / record, to / "eval" / record);
}

void copy_record(const fs::path& from, const fs::path& to) {
  if (is_the_same(from, to)) return;
  auto found = read_evaluation(from, cell_repair);
  found.checkpoint = fs::path(found.checkpoint).filename().string();
  const std::string text = to_json(found);
  if (io::is_there(to)) {
    if (io::read_file(to).text() == text) return;
    throw error::checkpoint(from.string() + " and " + to.string() +
                            " hold different results of the same cell, as of two machines that "
                            "round differently; remove one of the two runs, or leave its table "
                            "out");
  }
  io::owned_names list(to.parent_path());
  list.claim({to.filename().string()});
  io::replace_file(to, text);
}

}  // namespace triptych::app
