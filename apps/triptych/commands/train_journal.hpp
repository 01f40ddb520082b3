// apps/triptych/commands/train_journal.hpp
//
// What a training run writes down and says while it goes on: its metrics, their events, train.log
// and the line on the terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/io/metrics_log.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/io/train_log.hpp>
#include <triptych/method/step.hpp>
#include <triptych/train/monitor.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/collapse_rule.hpp"
#include "triptych/commands/tensorboard.hpp"
#include "triptych/console.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

class train_journal {
 public:
  using term_names = decltype(method::traits::terms);

  /// Of a run with these options, which must outlive the journal, whose reports have these loss
  /// terms and whose monitors fill the columns `monitored`.
  train_journal(const train_options& options, const term_names& terms,
                std::vector<std::string> monitored)
      : options_(options), terms_(terms), monitored_(std::move(monitored)) {}

  /// Opens the run's files, which go on after the step `resumed`; without one they are begun.
  void open(const io::run_directory& run, std::optional<std::int64_t> resumed);

  /// Seconds of training before this call.
  [[nodiscard]] double seconds_before() const { return before_; }

  /// A line that stays.
  void note(std::string_view line) { bar_->note(line); }

  /// A line for train.log alone.
  void log(std::string_view line) const { log_->line(line); }

  /// Takes the line that moves from the terminal.
  void clear() { bar_->clear(); }

  /// Whether show() would show something now.
  [[nodiscard]] bool due() const { return bar_->due(); }

  /// A step's numbers, after so many seconds of training in all; says when the projections collapse.
  void record(const train::step_record& r, std::optional<double> knn, double seconds);

  /// How far the run is: `wall` seconds after the step `first`, on the way to the step `last`.
  void show(const train::step_record& r, std::optional<double> knn, std::int64_t first,
            std::int64_t last, double wall);

  /// What is recorded lies on the disk when this returns.
  void sync();

 private:
  void watch_for_collapse(std::int64_t step, double spread);

  const train_options& options_;
  term_names terms_;
  std::vector<std::string> monitored_;
  std::optional<io::metrics_log> metrics_;
  std::optional<tensorboard> events_;
  std::optional<io::train_log> log_;
  std::optional<progress> bar_;
  collapse_rule spread_;  ///< that this process has seen
  double before_ = 0;
};

}  // namespace triptych::app
