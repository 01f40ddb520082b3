// A table in files: its cells, its settings, and what is written from its records.
#include "triptych/commands/table_files.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>

#include "triptych/commands/compact_cell.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/metrics_file.hpp"
#include "triptych/commands/table_chart.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/make.hpp"

namespace triptych::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* extensions[]{".md", ".csv", ".json", ".svg"};

}  // namespace

table_files::table_files(const reproduce_options& options)
    : options_(options), plan_(plan_of(options_)), root_(fs::path(options.out) / plan_.name) {
  for (const int seed : options_.seeds) {
    for (const auto& row : plan_.rows) cells_.push_back(cell_of(row, seed));
  }
  set_judge(options.evaluator, {});
}

table_cell table_files::cell_of(const table_row& row, int seed) const {
  const fs::path directory = root_ / name_of_cell(row, seed);
  const std::string made_by = command_of(plan_);
  auto own = values_of(row, made_by);
  own.push_back({"seed", std::to_string(seed), made_by});
  own.push_back({"out", directory.string(), made_by});
  table_cell made{row, seed, cell_options(options_, own)};
  made.options.stop_after = 0;  // the table's clock counts
  if (options_.budget > 0) {
    made.options.epochs = std::max(1, options_.budget / cost_of(made.options));
    made.options.from.given["epochs"] = options_.from.of("budget");
  }
  static_cast<void>(check(made.options));  // training says the warnings
  return made;
}

void table_files::set_images(const std::string& data, std::int64_t train, std::int64_t test) {
  report_.data = data;
  report_.train_images = train;
  report_.test_images = test;
  for (auto& c : cells_) c.steps_per_epoch = train / c.options.batch;
}

void table_files::set_judge(choice::evaluator evaluator, const std::string& because) {
  options_.evaluator = evaluator;
  report_.judged_because = because;
}

io::run_directory table_files::open() const {
  const fs::path config = root_ / "config.toml";
  const bool begun = io::is_there(config);
  if (begun) {
    refuse_other_settings();
  } else {
    refuse_foreign_files();
  }
  io::run_directory directory(root_, begun ? io::existing_run::resume : io::existing_run::refuse);
  if (!directory.listed()) directory.adopt({"config.toml"}, {});
  own_tables(begun);
  if (!begun ||
      table_from_toml(io::read_file(config).text(), config.string()).vary != options_.vary) {
    directory.write_config(table_toml(options_));
  }
  return directory;
}

void table_files::refuse_other_settings() const {
  const fs::path config = root_ / "config.toml";
  const auto refuse = [](const fs::path& file, const std::vector<std::string>& list) {
    if (list.empty()) return;
    throw error::checkpoint("what lies in " + file.parent_path().string() +
                            " was made otherwise: its " +
                            joined(list, [](const auto& one) { return one; }) +
                            "; give the settings it was made with, or another --out");
  };
  const auto contents = io::read_file(config);
  refuse(config, table_differences(contents.text(), config.string(), options_));
  for (const table_cell& c : cells_) {
    const fs::path file = c.directory() / "config.toml";
    if (!io::is_there(file)) continue;
    const auto text = io::read_file(file);
    refuse(file, differences(config_from_toml(text.text(), file.string()), c.options));
  }
}

void table_files::refuse_foreign_files() const {
  std::vector<fs::path> there;
  for (const char* extension : extensions) {
    const fs::path file = table_file(extension);
    if (!io::is_there(file)) continue;
    if (io::owned_names(file.parent_path()).has(file.filename().string())) continue;
    there.push_back(file);
  }
  for (const std::string& name : io::names_in(root_)) {
    const bool ours = name == io::marker_name || name == "lock" || name.starts_with(".tmp-");
    if (!ours) there.push_back(root_ / name);
  }
  if (there.empty()) return;
  throw error::usage(std::min_element(there.begin(), there.end())->string() +
                     " is there and was not made by reproduce; choose another --out");
}

void table_files::own_tables(bool begun) const {
  std::vector<std::string> names;
  for (const char* extension : extensions) names.push_back(plan_.name + extension);
  io::owned_names beside(options_.out);
  if (begun) {
    beside.adopt(names);
  } else {
    beside.claim(names);
  }
  beside.clear_leftovers(names);
}

fs::path table_files::record_at(const table_cell& c, int point) const {
  return c.directory() / "eval" / (io::checkpoint_name(step_at(c, point)) + ".json");
}

fs::path table_files::table_file(const char* extension) const {
  return fs::path(options_.out) / (plan_.name + extension);
}

std::vector<std::string> table_files::records_of(const table_cell& c) const {
  std::vector<std::string> names;
  for (int point = 0; point < plan_.points; ++point) {
    names.push_back(record_at(c, point).filename().string());
  }
  return names;
}

bool table_files::is_finished(const table_cell& c) const {
  const auto records = records_of(c);
  return std::all_of(records.begin(), records.end(), [&](const std::string& name) {
    return io::is_there(c.directory() / "eval" / name);
  });
}

std::optional<fs::path> table_files::twin_of(const table_cell& c,
                                             const std::function<std::string()>& data_json) const {
  const auto is_twin = [&](const fs::path& run) {
    const auto is_there = [&](const char* name) { return io::is_there(run / name); };
    if (!std::all_of(cell_files.begin(), cell_files.end(), is_there)) return false;
    try {
      const auto config = io::read_file(run / "config.toml");
      return differences(config_from_toml(config.text(), run.string()), c.options).empty() &&
             holds_results(run / "eval", records_of(c)) &&
             io::read_file(run / "data.json").text() == data_json();
    } catch (const error&) {
      return false;  // what is damaged there is that table's matter
    }
  };
  for (const std::string_view table : choice::table_names) {
    const fs::path other = fs::path(options_.out) / table;
    if (table == plan_.name || !io::is_there(other / "config.toml")) continue;
    for (const std::string& name : io::names_in(other)) {
      if (!name.ends_with("-seed" + std::to_string(c.seed))) continue;
      if (is_twin(other / name)) return other / name;
    }
  }
  return {};
}

bool table_files::holds_results(const fs::path& directory,
                                const std::vector<std::string>& records) const {
  return std::all_of(records.begin(), records.end(), [&](const std::string& name) {
    const fs::path record = directory / name;
    return io::is_there(record) &&
           read_evaluation(record, "remove the file").of("trained", protocol_name(judge()));
  });
}

std::optional<cell_result> table_files::result_at(const table_cell& c, int point) const {
  if (!io::is_there(record_at(c, point))) return {};
  // It is made again from its checkpoint, where that is still there, or by training anew.
  const bool again =
      io::is_there(c.directory() / "checkpoints" / io::checkpoint_name(step_at(c, point)));
  const std::string advice =
      "remove " + (again ? "the file" : c.directory().string()) + ", then give the command again";
  const auto found = read_evaluation(record_at(c, point), advice);
  const auto last = found.of("trained", protocol_name(judge()));
  if (!last) {
    throw error::checkpoint(record_at(c, point).string() + " holds no result by " +
                            std::string(protocol_name(judge())) + "; " + advice);
  }
  cell_result result{.last = *last};
  if (judge() == choice::protocol::linear) {
    result.best = found.of("trained", best_epoch_name);
  }
  for (const auto& record : read_metrics(c.directory())) {
    if (record.step > step_at(c, point)) break;
    if (record.knn) {
      result.knn_last = record.knn;
      result.knn_best = std::max(result.knn_best.value_or(0), *record.knn);
    }
    const double seconds = record.seconds.value_or(0);
    if (!(seconds > 0)) continue;
    const auto images = [&](std::int64_t steps) {
      return static_cast<double>(steps * c.options.batch);
    };
    result.images_per_second = images(record.step) / seconds;
    result.minutes = images(step_at(c, point)) / *result.images_per_second / 60;
  }
  return result;
}

report_line table_files::line_of(const table_row& row, int point) const {
  report_line line{.name = row.name, .title = row.title, .point = point};
  for (const table_cell& c : cells_) {
    if (&c.row != &row) continue;
    line.epochs = epochs_at(c, point);
    line.cost = cost_of(c.options);
    line.cells.push_back(result_at(c, point));
  }
  line.judged_by = protocol_name(judge());
  for (const auto& numbers : row.paper) {
    if (numbers.data != options_.train.data) continue;
    if (std::cmp_equal(numbers.at.size(), plan_.points)) {
      line.paper = numbers.at[static_cast<std::size_t>(point)];
    } else if (point + 1 == plan_.points) {
      line.paper = numbers.at.back();
    }
  }
  return line;
}

void table_files::add_baselines() {
  std::vector<std::optional<evaluation>> found;
  for (const int seed : options_.seeds) {
    const fs::path file = baselines(seed);
    found.push_back(io::is_there(file) ? std::optional(read_evaluation(
                                             file, "remove the file, then give the command again"))
                                       : std::nullopt);
  }
  for (const char* features : {"untrained", "raw pixels"}) {
    for (const auto protocol : {choice::protocol::logistic, choice::protocol::knn}) {
      const std::string by(protocol_name(protocol));
      report_line line{.name = features, .title = std::string(features) + ", " + by};
      line.judged_by = by;
      for (const auto& e : found) {
        const auto accuracy = e ? e->of(features, by) : std::nullopt;
        line.cells.push_back(accuracy ? std::optional(cell_result{.last = *accuracy})
                                      : std::nullopt);
      }
      if (report::seeds_of(line) > 0) report_.lines.push_back(std::move(line));
    }
  }
}

void table_files::write() {
  report_.name = plan_.name;
  report_.caption = plan_.caption;
  report_.judged_by = protocol_name(judge());
  report_.seeds = options_.seeds;
  report_.options = chosen(options_.train);
  report_.reference = plan_.reference;
  report_.version = version_text();
  report_.lines.clear();
  for (const auto& row : plan_.rows) {
    for (int point = 0; point < plan_.points; ++point) {
      report_.lines.push_back(line_of(row, point));
    }
  }
  add_baselines();
  io::replace_file(table_file(".md"), markdown(report_));
  io::replace_file(table_file(".csv"), csv(report_));
  io::replace_file(table_file(".json"), json(report_));
  io::replace_file(table_file(".svg"), svg_file_of(chart_of(report_)));
}

}  // namespace triptych::app
