// The command `reproduce`: the cells of a table, trained and judged one after another, and the
// table written after each. What is finished lies in files, so that the same command can go on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/data/registry.hpp>
#include <triptych/eval/linear_probe.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/images.hpp"
#include "triptych/commands/metrics_file.hpp"
#include "triptych/commands/table_report.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/device.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/make.hpp"
#include "triptych/options/tables.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

/// A row of the table with one seed: a training run.
struct cell {
  const table_row& row;
  int seed;
  train_options options;
  std::int64_t steps_per_epoch = 0;

  [[nodiscard]] fs::path directory() const { return options.out; }
};

class reproduction {
 public:
  explicit reproduction(const reproduce_options& options)
      : options_(options), plan_(plan_of(options)), root_(fs::path(options.out) / plan_.name) {
    for (const int seed : options_.seeds) {
      for (const auto& row : plan_.rows) cells_.push_back(cell_of(row, seed));
    }
    refuse_short_cells();
    static_cast<void>(placed(options_.train));  // refused before anything is made
    choose_evaluator(count_images());
  }

  int go() {
    const fs::path config = root_ / "config.toml";
    const bool begun = io::is_there(config);
    if (begun) {
      refuse_other_settings(config);
    } else {
      refuse_foreign_files();
    }
    const io::run_directory directory(root_,
                                      begun ? io::existing_run::resume : io::existing_run::refuse);
    if (!directory.listed()) directory.adopt({"config.toml"}, {});
    own_tables(begun);
    if (!begun) directory.write_config(table_toml(options_));
    signals::install();
    if (options_.train.stop_after > 0) signals::stop_after(60 * options_.train.stop_after);
    bool diverged = false;
    for (const cell& c : cells_) {
      try {
        if (const int code = finish(c); code != 0) return code;
      } catch (const error& failure) {  // a row that diverges is a result, too
        const error known = in_flags(failure);
        const std::string what = known.what();
        if (failure.kind() == error_kind::checkpoint && what.find(" is damaged: ") != what.npos) {
          throw with_advice(known, "remove that directory, then give the same command");
        }
        if (what.ends_with("--accept-changed-data")) {  // which would mix images in a table
          throw with_advice(known, "give those, or another --out");
        }
        if (failure.kind() != error_kind::non_finite) throw;
        say(c.directory().string() + ": " +
            (what.ends_with("lower --lr")
                 ? with_advice(known, "make another table with a lower --lr, in another --out")
                 : known)
                .what());
        diverged = true;
      }
      write();
    }
    std::cout << markdown(report_);
    return diverged ? static_cast<int>(error_kind::non_finite) : 0;
  }

 private:
  // ---------------------------------------------------------------------------------- before

  [[nodiscard]] cell cell_of(const table_row& row, int seed) const {
    const std::string source = "reproduce " + plan_.name;
    const fs::path directory = root_ / (row.name + "-seed" + std::to_string(seed));
    std::vector<given_value> own{{"seed", std::to_string(seed), source},
                                 {"out", directory.string(), source}};
    for (const auto& [option, value] : row.values) {
      own.push_back({std::string(option), std::string(value), source});
    }
    cell made{row, seed, cell_options(options_, own)};
    made.options.stop_after = 0;  // the table's clock counts
    if (options_.budget > 0) {
      made.options.epochs = std::max(1, options_.budget / cost_of(made.options));
      made.options.from.given["epochs"] = options_.from.of("budget");
    }
    static_cast<void>(check(made.options));  // training says the warnings
    return made;
  }

  /// Each part of the epochs has one.
  void refuse_short_cells() const {
    for (const cell& c : cells_) {
      if (c.options.epochs >= plan_.points) continue;
      const bool budget = options_.budget > 0;
      const int needed = plan_.points * (budget ? cost_of(c.options) : 1);
      throw error::usage("epochs: " + std::to_string(c.options.epochs) + " of " + c.row.name +
                         " (from " + c.options.from.of("epochs") + ") have no " +
                         std::to_string(plan_.points) + " parts, after each of which " +
                         plan_.name + " looks; give --" + (budget ? "budget " : "epochs ") +
                         std::to_string(needed) + " or more");
    }
  }

  /// Sizes and steps; returns how many training images have a label. A data set that cannot be read
  /// is refused here, before anything is made.
  std::int64_t count_images() {
    const auto& o = options_.train;
    thread_pool pool(o.threads);
    const auto images = data::load(data_source(o, o), &pool);
    if (images.test.size() == 0) {
      throw no_test_images(images.test, "a table compares accuracies on them; give some");
    }
    report_.data = images.train.name;
    report_.train_images = images.train.size();
    report_.test_images = images.test.size();
    for (cell& c : cells_) {
      const auto recipe = trainer_options(c.options, traits_of(c.options.method).views);
      c.steps_per_epoch = train::steps_per_epoch(recipe, images.train);
    }
    return images.train.labeled();
  }

  /// Where none was asked for: that of the table that is there, else the paper's linear evaluation
  /// if it has steps enough.
  void choose_evaluator(std::int64_t images) {
    if (options_.evaluator == choice::evaluator::automatic) {
      const eval_options usual;
      const auto steps = eval::probe_steps(images, usual.batch, usual.epochs);
      const bool enough = eval::probe_warning(steps).empty();
      options_.evaluator = enough ? choice::evaluator::linear : choice::evaluator::logistic;
      report_.judged_because = std::to_string(images) + " images make " + std::to_string(steps) +
                               " steps of the paper's linear evaluation, " +
                               (enough ? "enough" : "too few") + " for LARS";
      const fs::path config = root_ / "config.toml";
      if (io::is_there(config)) {
        const auto before = evaluator_of(io::read_file(config).text(), config.string());
        if (before != options_.evaluator && before != choice::evaluator::automatic) {
          options_.evaluator = before;
          report_.judged_because = "as this table was begun";
        }
      }
    }
    judge_ = static_cast<choice::protocol>(static_cast<int>(options_.evaluator) - 1);
  }

  void refuse_other_settings(const fs::path& config) const {
    const auto refuse = [](const fs::path& file, const std::vector<std::string>& list) {
      if (list.empty()) return;
      throw error::checkpoint("what lies in " + file.parent_path().string() +
                              " was made otherwise: its " +
                              joined(list, [](const auto& one) { return one; }) +
                              "; give the settings it was made with, or another --out");
    };
    const auto contents = io::read_file(config);
    refuse(config, table_differences(contents.text(), config.string(), options_));
    for (const cell& c : cells_) {
      const fs::path file = c.directory() / "config.toml";
      if (!io::is_there(file)) continue;
      const auto text = io::read_file(file);
      refuse(file, differences(config_from_toml(text.text(), file.string()), c.options));
    }
  }

  void refuse_foreign_files() const {
    std::vector<fs::path> there;
    for (const char* extension : extensions) {
      const fs::path file = table_file(extension);
      if (!io::is_there(file)) continue;
      if (io::owned_names(file.parent_path()).has(file.filename().string())) continue;
      there.push_back(file);
    }
    std::error_code none;
    for (fs::directory_iterator entry(root_, none), end; !none && entry != end;
         entry.increment(none)) {
      const std::string name = entry->path().filename().string();
      const bool ours = name == io::marker_name || name == "lock" || name.starts_with(".tmp-");
      if (!ours) there.push_back(entry->path());
    }
    if (there.empty()) return;
    throw error::usage(std::min_element(there.begin(), there.end())->string() +
                       " is there and was not made by reproduce; choose another --out");
  }

  // ---------------------------------------------------------------------------------- cells

  /// Epochs and steps after which a cell is looked at.
  [[nodiscard]] int epochs_at(const cell& c, int point) const {
    return c.options.epochs * (point + 1) / plan_.points;
  }
  [[nodiscard]] std::int64_t step_at(const cell& c, int point) const {
    return epochs_at(c, point) * c.steps_per_epoch;
  }

  [[nodiscard]] fs::path record_at(const cell& c, int point) const {
    return c.directory() / "eval" / (io::checkpoint_name(step_at(c, point)) + ".json");
  }
  /// What needs no training and is measured once for each seed.
  [[nodiscard]] fs::path baselines(int seed) const {
    return root_ / ("baselines-seed" + std::to_string(seed) + ".json");
  }

  /// Does what is left to do of a cell; 0, or the exit code for a signal that asked to stop.
  int finish(const cell& c) {
    const fs::path records = c.directory() / "eval";
    if (io::is_there(records)) io::owned_names(records).clear_leftovers();
    for (int point = 0; point < plan_.points; ++point) {
      const std::int64_t step = step_at(c, point);
      const fs::path record = record_at(c, point);
      const fs::path state =
          c.directory() / "eval" / ("linear-" + io::checkpoint_name(step));  // while it lasts
      if (!io::is_there(record)) {
        note(c.row.title + ", seed " + std::to_string(c.seed) + ", to epoch " +
             std::to_string(epochs_at(c, point)));
        if (!is_trained(c, step) && !train_to(c, step)) return stopped();
        auto how = judging(c.directory() / "checkpoints" / io::checkpoint_name(step));
        how.baselines.clear();
        if (!keep(how, state, record)) return stopped();
      }
      io::remove_owned(state);
    }
    if (io::is_there(baselines(c.seed))) return 0;
    auto how = judging(c.directory());
    how.trained = false;
    return keep(how, {}, baselines(c.seed)) ? 0 : stopped();
  }

  /// True if the cell has been trained to this step and, where it has gone no further, its end was
  /// written as well: the exported encoder, the status.
  [[nodiscard]] static bool is_trained(const cell& c, std::int64_t step) {
    const fs::path saved = c.directory() / "checkpoints";
    if (!io::is_committed(saved, step)) return false;
    const bool further = io::newest_checkpoint(saved)->filename() != io::checkpoint_name(step);
    return further || io::run_directory::is_done(c.directory(), step);
  }

  /// Trains, or goes on, to the end of a step; false if a signal stopped it.
  [[nodiscard]] bool train_to(const cell& c, std::int64_t step) const {
    const auto newest = io::newest_checkpoint(c.directory() / "checkpoints");
    if (newest && io::step_of_name(newest->filename().string()).value_or(0) > step) {
      throw error::checkpoint("the run in " + c.directory().string() + " has gone beyond step " +
                              std::to_string(step) +
                              ", which was to be evaluated; remove it to train it again");
    }
    if (signals::stop_requested() != 0) return false;
    train_options options = c.options;
    options.max_steps = step;
    if (io::is_there(c.directory() / "config.toml")) options.resume = "auto";
    return run_training(options).code == 0;
  }

  [[nodiscard]] eval_options judging(const fs::path& run) const {
    const auto& o = options_.train;
    eval_options how;
    how.run = run.string();
    how.protocol = {judge_};
    how.resume = true;
    how.threads = o.threads;
    how.quiet = o.quiet;
    how.data = o.data;
    how.data_dir = o.data_dir;
    how.limit_per_file = o.limit_per_file;
    how.on_bad_image = o.on_bad_image;
    how.image_memory = o.image_memory;
    how.large = how.same_images = true;
    how.from.given["data"] = "reproduce";  // the images of this call, wherever they lie now
    return how;
  }

  /// Evaluates and keeps the result; false if a signal came.
  [[nodiscard]] static bool keep(const eval_options& how, const fs::path& state,
                                 const fs::path& record) {
    if (signals::stop_requested() != 0) return false;
    const auto found = judge(how, state);
    if (!found) return false;
    if (!found->failures.empty()) throw found->failures.front();
    io::make_directories(record.parent_path());
    io::owned_names owned(record.parent_path());
    owned.claim({record.filename().string()});
    io::replace_file(record, to_json(*found));
    return true;
  }

  int stopped() const {
    note("stopped by " + signals::stopped_by() + "; the same command, " + "triptych reproduce " +
         plan_.name + " with its options, goes on from here");
    return 128 + signals::stop_requested();
  }

  void note(const std::string& line) const { progress(options_.train.quiet).note(line); }

  // ---------------------------------------------------------------------------------- results

  [[nodiscard]] std::optional<cell_result> result_at(const cell& c, int point) const {
    if (!io::is_there(record_at(c, point))) return {};
    // It is made again from its checkpoint, where that is still there, or by training anew.
    const bool again =
        io::is_there(c.directory() / "checkpoints" / io::checkpoint_name(step_at(c, point)));
    const std::string advice =
        "remove " + (again ? "the file" : c.directory().string()) + ", then give the command again";
    const auto found = read_evaluation(record_at(c, point), advice);
    const auto last = found.of("trained", protocol_name(judge_));
    if (!last) {
      throw error::checkpoint(record_at(c, point).string() + " holds no result by " +
                              std::string(protocol_name(judge_)) + "; " + advice);
    }
    cell_result result{.last = *last};
    if (judge_ == choice::protocol::linear) {
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

  /// The cells of a row at a point, and what the paper prints there.
  [[nodiscard]] report_line line_of(const table_row& row, int point) const {
    report_line line{.name = row.name, .title = row.title, .point = point};
    for (const cell& c : cells_) {
      if (&c.row != &row) continue;
      line.epochs = epochs_at(c, point);
      line.cost = cost_of(c.options);
      line.cells.push_back(result_at(c, point));
    }
    line.judged_by = protocol_name(judge_);
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

  void add_baselines() {
    std::vector<std::optional<evaluation>> found;
    for (const int seed : options_.seeds) {
      const fs::path file = baselines(seed);
      found.push_back(
          io::is_there(file)
              ? std::optional(read_evaluation(file, "remove the file, then give the command again"))
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

  static constexpr const char* extensions[]{".md", ".csv", ".json"};

  [[nodiscard]] fs::path table_file(const char* extension) const {
    return fs::path(options_.out) / (plan_.name + extension);
  }

  /// Lists the files of the table, which lie in a directory that others may use as well. Those of a
  /// table that was begun are its own, also where an older version has not listed them.
  void own_tables(bool begun) const {
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

  void write() {
    report_.name = plan_.name;
    report_.caption = plan_.caption;
    report_.judged_by = protocol_name(judge_);
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
  }

  reproduce_options options_;  ///< with the evaluator chosen
  choice::protocol judge_ = choice::protocol::logistic;
  table_plan plan_;
  fs::path root_;
  std::vector<cell> cells_;
  table_report report_;
};

}  // namespace

int reproduce(const reproduce_options& options) { return reproduction(options).go(); }

}  // namespace triptych::app
