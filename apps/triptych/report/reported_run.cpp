// A run's directory as data.
#include "triptych/report/reported_run.hpp"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

#include "triptych/commands/eval_files.hpp"
#include "triptych/commands/run_summary.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/report/class_names.hpp"
#include "triptych/report/csv_rows.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

std::string advice_for(const reported_run& run) {
  return "continue the run with triptych train --resume " + shell_word(run.name);
}

void read_environment(reported_run& run) {
  const auto path = run.path / "environment.json";
  if (!io::is_there(path)) return;
  io::visit_json_object(io::read_file(path).text(), path.string(), advice_for(run), 0,
                        [&](const std::string& name, const nlohmann::json& value) {
                          if (value.is_string()) {
                            run.environment.emplace_back(name, value.get<std::string>());
                          }
                        });
}

void read_images(reported_run& run) {
  const auto path = run.path / "data.json";
  if (!io::is_there(path)) return;
  const std::string advice = "remove the file, then give the command again";
  const auto json = io::parse_json_object(io::read_file(path).text(), path.string(), advice);
  if (const auto images = json.find("images"); images != json.end()) {
    try {
      run.images = train::read_identity(images->dump(), path.string());
    } catch (const error& failure) {
      throw with_advice(failure, advice);
    }
  }
  const auto skipped = json.find("skipped");
  if (skipped == json.end() || !skipped->is_object()) return;
  for (const auto& [why, count] : skipped->items()) {
    if (io::is_count(count)) run.skipped[why] = count.get<std::size_t>();
  }
}

/// The log's lines "resuming <run> after step 96 on ...".
void read_resumptions(reported_run& run) {
  const auto path = run.path / "train.log";
  if (!io::is_there(path)) return;
  const auto file = io::read_file(path, io::any_length);
  std::string_view rest = file.text();
  constexpr std::string_view words = " after step ";
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto at = line.rfind(words);
    if (!line.starts_with("resuming ") || at == line.npos) continue;
    const auto digits = line.substr(at + words.size());
    const auto step = io::number_in<std::int64_t>(digits.substr(0, digits.find(' ')));
    if (step) run.resumptions.push_back(*step);
  }
}

/// The matrix of the trained encoder that says most: of a classifier, else of kNN.
void read_confusion(reported_run& run) {
  for (const char* protocol : {"finetune", "logistic", "linear, last epoch", "kNN"}) {
    if (!run.judged || !run.judged->of("trained", protocol)) continue;
    const auto path = run.path / "eval" / confusion_name("trained", protocol);
    if (!io::is_there(path)) continue;
    const auto rows = csv_rows(io::read_file(path).text());
    const auto refuse = [&] {
      return error::checkpoint(path.string() + " is no confusion matrix; evaluate again: " +
                               "triptych eval " + shell_word(run.name));
    };
    if (rows.empty() || rows.front().front() != confusion_heading) throw refuse();
    confusion_table table{std::string("trained, ") + protocol, {}, {}};
    table.classes.assign(rows.front().begin() + 1, rows.front().end());
    for (std::size_t r = 1; r < rows.size(); ++r) {
      std::vector<std::int64_t> counts;
      for (std::size_t c = 1; c < rows[r].size(); ++c) {
        const auto count = io::number_in<std::int64_t>(rows[r][c]);
        if (!count || *count < 0 || *count > train::most_images) throw refuse();
        counts.push_back(*count);
      }
      if (counts.size() != table.classes.size()) throw refuse();
      table.counts.push_back(std::move(counts));
    }
    if (table.counts.size() != table.classes.size()) throw refuse();
    // A file of classes without names has their numbers.
    if (run.images && run.images->class_names.empty() &&
        static_cast<std::size_t>(run.images->classes) == table.classes.size()) {
      table.classes = class_names_of(*run.images);
    }
    run.confusion = std::move(table);
    return;
  }
}

}  // namespace

std::vector<logged_number> reported_run::numbers(const std::string& column) const {
  const auto found = metrics.find(column);
  if (found == metrics.end()) return {};
  auto list = found->second;
  std::erase_if(list, [](const logged_number& n) { return !n.value; });
  return list;
}

std::int64_t reported_run::steps_per_epoch() const {
  return images ? images->train.images / options.batch : 0;
}

std::int64_t reported_run::total_steps() const { return steps_per_epoch() * options.epochs; }

std::optional<double> reported_run::chance() const {
  if (!images || images->classes < 1) return {};
  return 100.0 / images->classes;
}

reported_run read_run(const std::string& path) {
  reported_run run;
  run.path = path;
  run.name = path;
  if (!io::is_there(run.path)) {
    throw error::usage("runs: there is no '" + path + "'; check the path");
  }
  if (!io::is_a_directory(run.path) || !holds_run(run.path)) {
    throw error::usage("runs: '" + path + "' is no run; give the --out of a training run");
  }
  run.options = config_of(run.path, "give another run");
  run.config = io::read_file(run.path / "config.toml").text();
  run.metrics = read_columns(run.path);
  if (run.metrics.empty()) {
    throw error::usage("runs: '" + path +
                       "' has logged no step yet; train first: triptych train "
                       "--resume " +
                       shell_word(path));
  }
  if (io::is_there(run.path / "status.json")) run.status = read_status(run.path, advice_for(run));
  read_environment(run);
  read_images(run);
  read_resumptions(run);
  const auto judged = run.path / "eval.json";
  if (io::is_there(judged)) {
    run.judged = read_evaluation(judged, "evaluate again: triptych eval " + shell_word(path));
  }
  read_confusion(run);
  return run;
}

}  // namespace triptych::app
