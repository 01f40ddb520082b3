#include "triptych/commands/train_journal.hpp"

#include <cmath>
#include <cstddef>
#include <utility>

#include "triptych/commands/metrics_file.hpp"

namespace triptych::app {

namespace {

/// The loss terms of a report by their names.
std::vector<std::pair<std::string, double>> named(const train_journal::term_names& names,
                                                  const method::step_report& report) {
  std::vector<std::pair<std::string, double>> list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) list.emplace_back(names[i], report.terms[i]);
  }
  return list;
}

}  // namespace

void train_journal::open(const io::run_directory& run, std::optional<std::int64_t> resumed) {
  std::vector<std::string> columns{"epoch", "wall_s", "loss"};
  for (const auto& [name, value] : named(terms_, {})) columns.push_back("loss_" + name);
  columns.insert(columns.end(), {"lr", "grad_norm"});
  columns.insert(columns.end(), monitored_.begin(), monitored_.end());
  columns.emplace_back("knn_top1");

  log_.emplace(run.root() / "train.log", nullptr);
  bar_.emplace(options_.quiet, [this](std::string_view line) { log_->line(line); });
  metrics_.emplace(run.root(), columns, resumed);
  each_record(run.root(), [&](const io::json_fields& fields, const nlohmann::json&) {
    before_ = record_of(fields).seconds.value_or(before_);
  });
  if (options_.tensorboard) events_.emplace(run.events(), config_toml(options_), run.root());
}

void train_journal::record(const train::step_record& r, std::optional<double> knn, double seconds) {
  std::vector<io::metric> row{{"epoch", r.epoch}, {"wall_s", seconds}, {"loss", r.report.loss}};
  for (const auto& [name, value] : named(terms_, r.report)) row.emplace_back("loss_" + name, value);
  row.emplace_back("lr", r.learning_rate);
  row.emplace_back("grad_norm", r.report.gradient_norm);
  for (std::size_t i = 0; i < monitored_.size(); ++i) {
    const auto value = r.monitors.empty() ? std::nullopt : r.monitors[i];
    row.emplace_back(monitored_[i], value);
    if (monitored_[i] == "feature_std" && value) watch_for_collapse(r.step, *value);
  }
  row.emplace_back("knn_top1", knn);
  metrics_->append(r.step, row);
  if (events_) events_->append(r.step, seconds, row);
}

void train_journal::watch_for_collapse(std::int64_t step, double spread) {
  const double health = spread * std::sqrt(static_cast<double>(options_.head.projector.back()));
  const bool before = spread_.collapsed(), now = spread_.add(health);
  if (now && !before) {
    note("warning: step " + std::to_string(step) +
         ": the projections are collapsing: images point more and more the same way (their spread "
         "is " +
         fixed(health, 3) + " of the healthy one and has been " + fixed(spread_.widest(), 3) +
         "); lower --lr or check the configuration");
  } else if (before && !now) {
    note("step " + std::to_string(step) + ": the projections have spread again");
  }
}

void train_journal::show(const train::step_record& r, std::optional<double> knn, std::int64_t first,
                         std::int64_t last, double wall) {
  const double each = wall / static_cast<double>(r.step - first);
  std::string line = "epoch " + std::to_string(r.epoch + 1) + "/" +
                     std::to_string(options_.epochs) + "  step " + std::to_string(r.step) + "/" +
                     std::to_string(last) + "  loss " + fixed(r.report.loss, 4);
  for (const auto& [name, value] : named(terms_, r.report)) {
    line += "  " + name + " " + fixed(value, 4);
  }
  line += "  " + fixed(options_.batch / each, 1) + " images/s  " +
          duration_text(each * static_cast<double>(last - r.step)) + " left";
  if (knn) {
    note(line + "  kNN " + fixed(*knn, 2) + " %");
  } else {
    bar_->update(line);
  }
}

void train_journal::sync() {
  metrics_->sync();
  if (events_) events_->sync();
}

}  // namespace triptych::app
