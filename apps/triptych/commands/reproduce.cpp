// The commands `reproduce` and `sweep`: the cells of a table, trained and judged one after another,
// and the table written after each. What is finished lies in files, so that the same command can go
// on.
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>

#include <triptych/data/registry.hpp>
#include <triptych/eval/linear_probe.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/compact_cell.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/images.hpp"
#include "triptych/commands/run_target.hpp"
#include "triptych/commands/table_files.hpp"
#include "triptych/commands/table_report.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/device.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/make.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

class reproduction {
 public:
  explicit reproduction(const reproduce_options& options) : options_(options), table_(options) {
    refuse_short_cells();
    static_cast<void>(placed(options_.train));  // refused before anything is made
    choose_evaluator(count_images());
  }

  int go() {
    const io::run_directory directory = table_.open();
    signals::install();
    if (options_.train.stop_after > 0) signals::stop_after(60 * options_.train.stop_after);
    bool diverged = false;
    for (const table_cell& c : table_.cells()) {
      try {
        take_twin(c);
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
      table_.write();
    }
    std::cout << markdown(table_.report());
    return diverged ? static_cast<int>(error_kind::non_finite) : 0;
  }

 private:
  // ---------------------------------------------------------------------------------- before

  /// Each part of the epochs has one.
  void refuse_short_cells() const {
    for (const table_cell& c : table_.cells()) {
      if (c.options.epochs >= table_.plan().points) continue;
      const bool budget = options_.budget > 0;
      const int needed = table_.plan().points * (budget ? cost_of(c.options) : 1);
      throw error::usage("epochs: " + std::to_string(c.options.epochs) +
                         (budget ? " of " + c.row.name : "") + " (from " +
                         c.options.from.of("epochs") + ") have no " +
                         std::to_string(table_.plan().points) + " parts, after each of which " +
                         table_.plan().name + " looks; give --" + (budget ? "budget " : "epochs ") +
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
    for (const auto& c : table_.cells()) {  // throws where there is none
      const auto recipe = trainer_options(c.options, traits_of(c.options.method).views);
      static_cast<void>(train::steps_per_epoch(recipe, images.train));
    }
    table_.set_images(images.train.name, images.train.size(), images.test.size());
    return images.train.labeled();
  }

  /// Where none was asked for: that of the table that is there, else the paper's linear evaluation
  /// if it has steps enough.
  void choose_evaluator(std::int64_t images) {
    if (options_.evaluator != choice::evaluator::automatic) return;
    const eval_options usual;
    const auto steps = eval::probe_steps(images, usual.batch, usual.epochs);
    const bool enough = eval::probe_warning(steps).empty();
    auto evaluator = enough ? choice::evaluator::linear : choice::evaluator::logistic;
    std::string because = std::to_string(images) + " images make " + std::to_string(steps) +
                          " steps of the paper's linear evaluation, " +
                          (enough ? "enough" : "too few") + " for LARS";
    const fs::path config = table_.root() / "config.toml";
    if (io::is_there(config)) {
      const auto before = evaluator_of(io::read_file(config).text(), config.string());
      if (before != evaluator && before != choice::evaluator::automatic) {
        evaluator = before;
        because = "as this table was begun";
      }
    }
    table_.set_judge(evaluator, because);
  }

  // ---------------------------------------------------------------------------------- cells

  /// A cell that another table of the same directory has trained and judged is not trained again.
  void take_twin(const table_cell& c) const {
    if (table_.is_finished(c) || io::is_there(c.directory() / "checkpoints")) return;
    const auto twin = table_.twin_of(c, [&] {
      auto images = load_images(c.options, c.options, c.options.threads);
      std::vector<std::string> notices;
      normalize_as({}, c.options.normalize, images, notices);
      return data_json(images);
    });
    if (!twin) return;
    note(c.row.title + ", seed " + std::to_string(c.seed) + ": that of " + twin->string());
    copy_cell(*twin, c.directory(), table_.records_of(c));
    const fs::path own = table_.baselines(c.seed), other = twin->parent_path() / own.filename();
    if (!io::is_there(own) && io::is_there(other)) copy_record(other, own);
  }

  /// Does what is left to do of a cell; 0, or the exit code for a signal that asked to stop.
  int finish(const table_cell& c) {
    const fs::path records = c.directory() / "eval";
    if (io::is_there(records)) io::owned_names(records).clear_leftovers();
    for (int point = 0; point < table_.plan().points; ++point) {
      const std::int64_t step = table_.step_at(c, point);
      const fs::path record = table_.record_at(c, point);
      const fs::path state =
          c.directory() / "eval" / ("linear-" + io::checkpoint_name(step));  // while it lasts
      if (!io::is_there(record)) {
        note(c.row.title + ", seed " + std::to_string(c.seed) + ", to epoch " +
             std::to_string(table_.epochs_at(c, point)));
        if (!is_trained(c, step) && !train_to(c, step)) return stopped();
        auto how = judging(c.directory() / "checkpoints" / io::checkpoint_name(step));
        how.baselines.clear();
        if (!keep(how, state, record)) return stopped();
      }
      io::remove_owned(state);
    }
    if (io::is_there(table_.baselines(c.seed))) return 0;
    auto how = judging(c.directory());
    how.trained = false;
    return keep(how, {}, table_.baselines(c.seed)) ? 0 : stopped();
  }

  /// True if the cell has been trained to this step and, where it has gone no further, its end was
  /// written as well: the exported encoder, the status.
  [[nodiscard]] static bool is_trained(const table_cell& c, std::int64_t step) {
    const fs::path saved = c.directory() / "checkpoints";
    if (!io::is_committed(saved, step)) return false;
    const bool further = io::newest_checkpoint(saved)->filename() != io::checkpoint_name(step);
    return further || io::run_directory::is_done(c.directory(), step);
  }

  /// Trains, or goes on, to the end of a step; false if a signal stopped it.
  [[nodiscard]] bool train_to(const table_cell& c, std::int64_t step) const {
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
    how.protocol = {table_.judge()};
    how.resume = true;
    how.threads = o.threads;
    how.quiet = o.quiet;
    static_cast<image_choice&>(how) = o;
    how.large = how.same_images = true;
    how.from.given["data"] = "reproduce";  // the images of this call, wherever they lie now
    return how;
  }

  /// Evaluates and keeps the result; false if a signal came.
  [[nodiscard]] static bool keep(const eval_options& how, const fs::path& state,
                                 const fs::path& record) {
    if (signals::stop_requested() != 0) return false;
    const as_private_as guard(how.run);
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
    note("stopped by " + signals::stopped_by() + "; the same command, triptych " +
         command_of(table_.plan()) + " with its options, goes on from here");
    return 128 + signals::stop_requested();
  }

  void note(const std::string& line) const { progress(options_.train.quiet).note(line); }

  reproduce_options options_;
  table_files table_;
};

}  // namespace

int reproduce(const reproduce_options& options) { return reproduction(options).go(); }

}  // namespace triptych::app
