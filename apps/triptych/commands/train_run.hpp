// apps/triptych/commands/train_run.hpp
//
// A training run from its options to its directory: build, resume, step, log, save, stop.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/comm/ranks.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/metrics_log.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/io/train_log.hpp>
#include <triptych/train/checkpoint.hpp>
#include <triptych/train/encoder_export.hpp>
#include <triptych/train/shared_state.hpp>
#include <triptych/train/step_dump.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/build_info.hpp"
#include "triptych/collapse_rule.hpp"
#include "triptych/commands/images.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/commands/metrics_file.hpp"
#include "triptych/commands/model_card.hpp"
#include "triptych/commands/run_target.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/commands/tensorboard.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/configuration.hpp"
#include "triptych/options/make.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

template <class B>
class train_run {
 public:
  train_run(B& backend, train_options options, const placement& where)
      : options_(std::move(options)), where_(where.line),
        data_(load_images(options_, options_, options_.threads)), images_(data_.images),
        recipe_(trainer_options(options_, traits_of(options_.method).views)),
        method_(make_method(backend, options_, train::total_steps(recipe_, images_.train))) {
    if (options_.knn_every > 0 && images_.test.size() == 0) {
      throw no_test_images(images_.train, "give some, or leave --knn-every out");
    }
    if (!images_.train.uniform())
      recipe_.loader_threads = thread_pool::threads_of(options_.threads);
  }

  /// Shapes, sizes and an estimate of the time, from two real steps; writes nothing.
  trained rehearse() {
    take_initial_state();
    make_trainer(0);
    join(0);
    describe();
    advance();
    trainer_->report();  // so that a device has done it
    const auto start = clock::now();
    advance();
    trainer_->report();
    const double each = seconds_since(start);
    tell(order::end);
    auto& arena = method_->backend().arena();
    table t({"a step", ""});
    t.add({"activations", size_text(static_cast<double>(arena.peak_bytes()))});
    t.add({"seconds", fixed(each, 3)});
    t.add({"images a second", fixed(options_.batch / each, 1)});
    t.add({"whole run", duration_text(each * static_cast<double>(last_step()))});
    std::cout << t;
    return {};
  }

  /// The part of a rank that is not rank 0 in the run of that one, until it ends.
  void follow() {
    // What asks to stop asks rank 0, which the others follow to the end.
    if (!options_.dry_run) signals::install();
    make_trainer(join(0));
    while (tell(order::end) == order::step) trainer_->advance();
  }

  /// The run.
  trained go() {
    if (options_.resume.empty()) {
      begin();
    } else {
      resume();
    }
    directory_->write_data(data_json(data_));
    directory_->write_environment(environment());
    signals::install();  // before the status says that the run goes on
    if (options_.stop_after > 0) signals::stop_after(60 * options_.stop_after);
    directory_->write_status(io::run_state::running, trainer_->step());
    progress bar(options_.quiet, [this](std::string_view line) { log_->line(line); });
    bar_ = &bar;
    try {
      if (resumed_from_) {
        bar.note("resuming " + directory_->root().string() + " after step " +
                 std::to_string(trainer_->step()) + " on " + where_);
        for (const auto& one : notices_) bar.note(one);
        if (const double rate = base_rate(options_, trainer_->step()); rate != saved_rate_) {
          bar.note("the learning rate's base is " + io::number_text(rate) + " from here on, not " +
                   io::number_text(saved_rate_));
        }
        export_encoder();  // the one that is there may be of another step
      } else {
        describe();
        for (const auto& one : notices_) bar.note(one);
        save();
      }
      const trained done = loop();
      tell(order::end);
      return done;
    } catch (const std::exception& e) {
      bar.clear();
      try {
        const error known = as_error(e);
        directory_->write_status(io::run_state::failed, trainer_->step(), known.what());
        log_->line(known.what());
      } catch (const std::exception&) {  // a full disk: the reason itself matters more
      }
      throw;
    }
  }

 private:
  using trainer_type = train::trainer<B>;
  using clock = std::chrono::steady_clock;

  static double seconds_since(clock::time_point start) {
    return std::chrono::duration<double>(clock::now() - start).count();
  }

  /// The loss terms of the method, by their names in a report.
  [[nodiscard]] std::vector<std::pair<std::string, double>>
  terms(const method::step_report& report = {}) const {
    std::vector<std::pair<std::string, double>> list;
    const auto& names = method_->about().terms;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) list.emplace_back(names[i], report.terms[i]);
    }
    return list;
  }

  [[nodiscard]] std::vector<std::string> columns() const {
    std::vector<std::string> list{"epoch", "wall_s", "loss"};
    for (const auto& [name, value] : terms()) list.push_back("loss_" + name);
    list.insert(list.end(), {"lr", "grad_norm"});
    for (auto& name : train::columns_of(recipe_.monitors)) list.push_back(std::move(name));
    list.emplace_back("knn_top1");
    return list;
  }

  [[nodiscard]] std::int64_t last_step() const {
    const std::int64_t all = trainer_->steps();
    return options_.max_steps > 0 ? std::min(options_.max_steps, all) : all;
  }

  // -- ranks --

  /// What rank 0 says before it makes a step, and at the end.
  enum class order : int { end, step };

  /// The order of rank 0, for all.
  order tell(order mine) { return ranks::of_first(method_->backend(), mine); }

  /// A step, on all ranks.
  train::step_record advance(const method::trace<typename B::real>& watch = {}) {
    tell(order::step);
    return trainer_->advance(watch);
  }

  /// All ranks come to the state of rank 0, whose step is returned, and take its images as it does.
  std::int64_t join(std::int64_t step) {
    auto& backend = method_->backend();
    const auto constants = ranks::of_first(backend, data_.identity.constants);
    if (ranks::own(backend) > 0) {  // rank 0's loader reads them already
      std::vector<std::string> none;
      normalize_as(constants, {}, data_, none);
    }
    const io::digest options = io::digest_of(computing_options(options_));
    if (!(ranks::of_first(backend, options) == options)) {
      throw error::usage("rank " + std::to_string(ranks::own(backend)) +
                         " has other options than rank 0; give all ranks the same, also in the "
                         "environment (mpirun -x NAME) and in files");
    }
    const io::digest images = io::digest_of(train::to_json(data_.identity));
    if (!(ranks::of_first(backend, images) == images)) {
      throw error::data("rank " + std::to_string(ranks::own(backend)) +
                        " has other images than rank 0; give all ranks the same --data-dir");
    }
    step = ranks::of_first(backend, step);
    train::share_state(*method_);
    return step;
  }

  /// What stands before the first step: the encoder of --init, and what normalizes the images.
  void take_initial_state() {
    std::optional<augment::normalization> constants;
    if (!options_.init.empty()) {
      auto file = open_encoder_file(options_.init);
      train::import_encoder(*method_, file.weights);
      constants = file.constants;
      require_constants(options_.init, constants, options_.normalize);
      initial_ = std::filesystem::path(options_.init).filename().string() + " (" + file.xxh64 + ")";
      notices_ = std::move(file.notices);
    }
    std::vector<std::string> none;  // the images are new ones: nothing is compared
    normalize_as(constants ? constants : data_.identity.constants, options_.normalize, data_, none);
  }

  void make_trainer(std::int64_t first) {
    trainer_.emplace(*method_, images_.train, recipe_, first);
  }

  /// A new run. What can be refused is refused before anything is made or replaced, and the
  /// configuration is written first: with it the run can be resumed.
  void begin() {
    take_initial_state();
    make_trainer(0);
    directory_.emplace(run_directory(options_), entry(options_));
    directory_->claim(io::run_directory::files());
    directory_->write_config(config_toml(options_));
    open_logs(std::nullopt);
    join(0);
  }

  /// The run that is there, after the checkpoint that --resume means, from its beginning where it
  /// was killed before its first one; or a new run that starts from a checkpoint of another place.
  void resume() {
    continues_ = entry(options_) == io::existing_run::resume;
    directory_.emplace(run_directory(options_), entry(options_));
    if (continues_) refuse_unknown_run(directory_->root());
    resumed_from_ = options_.resume == "auto" ? io::newest_checkpoint(directory_->checkpoints())
                                              : std::filesystem::path(options_.resume);
    if (resumed_from_) {
      const auto saved = io::load_checkpoint(*resumed_from_);
      refuse_other_configuration(saved);
      if (continues_ && options_.resume != "auto") refuse_foreign(saved, directory_->root());
      refuse_other_images(saved);
      refuse_step_beyond_the_end(saved);
      make_trainer(saved.note.step);
      train::restore(saved, *method_, trainer_->queue_labels());
      if (const auto from = saved.note.extra.find(initial_key); from != saved.note.extra.end()) {
        initial_ = from->second;
      }
      own_files();
      if (continues_) {
        io::mark_latest(directory_->checkpoints(),
                        directory_->checkpoints() / io::checkpoint_name(saved.note.step));
      } else {  // before the configuration: with that and no checkpoint it would begin anew
        save_checkpoint();
      }
    } else {
      take_initial_state();
      make_trainer(0);
      own_files();
    }
    directory_->write_config(config_toml(options_));
    open_logs(continues_ ? std::optional(trainer_->step()) : std::nullopt);
    join(trainer_->step());
  }

  /// Nothing is written before that is known to be ours; a run without lists gets them now.
  void own_files() const {
    const auto files = io::run_directory::files();
    if (directory_->listed()) return directory_->claim(files);
    const auto path = directory_->root() / "config.toml";
    const auto text = io::read_file(path);
    const auto stored = config_from_toml(text.text(), path.string());
    directory_->adopt(files, [&](const io::checkpoint_note& note) {
      return differences(config_from_toml(note.config, "MANIFEST.json"), stored, note.step).empty();
    });
  }

  /// Tensors of the right shapes do not yet make a checkpoint one of this run.
  void refuse_other_configuration(const io::loaded_checkpoint& saved) {
    std::string list;
    const auto stored = config_of(saved);
    saved_rate_ = base_rate(stored, saved.note.step);
    for (const auto& one : differences(stored, options_, saved.note.step)) {
      list += (list.empty() ? "" : ", ") + one;
    }
    if (!list.empty()) {
      throw error::checkpoint("the checkpoint " + saved.path.string() +
                              " was trained otherwise: its " + list +
                              "; resume one of this run, or start anew in another --out");
    }
  }

  /// Training goes on with the images that it began with, normalized as they were.
  void refuse_other_images(const io::loaded_checkpoint& saved) {
    const auto before = identity_of(saved);
    const auto changes =
        before ? train::differences(*before, data_.identity) : std::vector<std::string>{};
    normalize_as(before ? std::optional(before->constants) : std::nullopt, {}, data_, notices_);
    if (changes.empty()) return;
    if (!options_.accept_changed_data) {
      throw other_images("the run in " + saved.path.parent_path().parent_path().string(), changes,
                         "give those, or go on with these by --accept-changed-data");
    }
    notices_.push_back("the images from here on: " + in_words(changes));
  }

  void refuse_step_beyond_the_end(const io::loaded_checkpoint& saved) const {
    const std::int64_t steps = train::total_steps(recipe_, images_.train);
    if (saved.note.step > steps) {
      throw error::checkpoint("the checkpoint " + saved.path.string() + " is of step " +
                              std::to_string(saved.note.step) + " in a run of " +
                              std::to_string(steps) +
                              "; resume another one of this run, or start anew in another --out");
    }
  }

  void open_logs(std::optional<std::int64_t> resume_step) {
    log_.emplace(directory_->root() / "train.log", nullptr);
    metrics_.emplace(directory_->root(), columns(), resume_step);
    each_record(directory_->root(), [&](const io::json_fields& fields, const nlohmann::json&) {
      before_ = record_of(fields).seconds.value_or(before_);
    });
    if (options_.tensorboard) {
      events_.emplace(directory_->events(), config_toml(options_), directory_->root());
    }
  }

  trained loop() {
    const auto start = clock::now();
    const std::int64_t first = trainer_->step(), last = last_step();
    const std::int64_t per_epoch = trainer_->steps_per_epoch();
    while (trainer_->step() < last) {
      train::step_record r = step();
      const bool epoch_ends = r.step % per_epoch == 0;
      const std::int64_t epochs = r.step / per_epoch;
      const bool judge = epoch_ends && options_.knn_every > 0 && epochs % options_.knn_every == 0;
      std::optional<double> knn;
      if (judge || r.step == last) r.report = trainer_->report();
      if (judge) knn = neighbors();
      if (!r.monitors.empty() || judge || r.step == last) {
        record(r, knn, before_ + seconds_since(start));
      }
      if (bar_->due() || judge) show(r, knn, last, first, seconds_since(start));

      const bool stop = signals::stop_requested() != 0;
      const bool asked = signals::take_checkpoint_request();
      const bool regular = epoch_ends && epochs % options_.checkpoint_every == 0;
      if (stop || asked || regular || r.step == last) save();
      if (stop && r.step < last) return ended(interrupted(), seconds_since(start));
    }
    directory_->write_status(io::run_state::done, trainer_->step(), early_end());
    const double wall = seconds_since(start);
    bar_->note("trained " + std::to_string(trainer_->step() - first) + " steps in " +
               duration_text(wall));
    return ended(0, wall);
  }

  /// Why the run is done before its last epoch is; empty if that is done.
  [[nodiscard]] std::string early_end() const {
    if (trainer_->step() >= trainer_->steps()) return {};
    return "--max-steps " + std::to_string(options_.max_steps) + " of " +
           std::to_string(trainer_->steps());
  }

  [[nodiscard]] trained ended(int code, double wall) const {
    return {code, directory_->root().string(), trainer_->step(), wall, images_.test.size() > 0};
  }

  /// One step, dumped where --dump-step asks for it.
  train::step_record step() {
    if (options_.dump_step.empty() || trainer_->step() + 1 != options_.dump_at) {
      return advance();
    }
    train::step_dump dump(*method_);
    auto r = advance(dump.trace());
    dump.finish(r.report);
    auto as_it_was = options_;
    as_it_was.lr = base_rate(options_, r.step - 1);
    dump.save(options_.dump_step,
              config_json(as_it_was, {{"step", static_cast<double>(r.step - 1)},
                                      {"steps", static_cast<double>(trainer_->steps())},
                                      {"image-size", static_cast<double>(view_size(options_))}}));
    bar_->note("wrote step " + std::to_string(r.step) + " to " + options_.dump_step);
    return r;
  }

  void save() {
    directory_->check_held();
    metrics_->sync();
    if (events_) events_->sync();
    save_checkpoint();
    export_encoder();
    directory_->write_status(io::run_state::running, trainer_->step());
  }

  void save_checkpoint() {
    io::metadata_map more{{identity_key, train::to_json(data_.identity)}};
    if (!initial_.empty()) more.emplace(initial_key, initial_);
    train::save_checkpoint(directory_->checkpoints(), *method_, *trainer_, config_toml(options_),
                           more);
  }

  void export_encoder() {
    const auto& encoder = method_->encoder();
    const encoder_facts facts{.options = options_,
                              .images = data_.identity,
                              .step = trainer_->step(),
                              .steps = trainer_->steps(),
                              .weights = encoder_weights(),
                              .features = encoder.architecture().encoder.out(),
                              .initial = initial_};
    const auto directory = directory_->exports();
    io::make_directories(directory);
    io::owned_names(directory).claim({"encoder.safetensors", "encoder.md"});
    train::export_encoder(directory / "encoder.safetensors", *method_,
                          trainer_->step() * method_->about().views, metadata_of(facts));
    io::replace_file(directory / "encoder.md", model_card(facts));
  }

  /// Numbers in the encoder, without heads.
  [[nodiscard]] std::int64_t encoder_weights() const {
    std::int64_t count = 0;
    for (const auto& p : *method_->gradients().list) {
      if (p.name.starts_with("encoder.")) count += static_cast<std::int64_t>(p.size());
    }
    return count;
  }

  /// Accuracy of neighbors among the plain training images: cheap enough for every few epochs.
  [[nodiscard]] double neighbors() {
    thread_pool pool(options_.threads);
    auto& encoder = method_->encoder();
    const auto train = eval::encode(encoder, images_.train, view_size(options_), pool);
    const auto test = eval::encode(encoder, images_.test, view_size(options_), pool);
    return eval::knn(train, test, {}, pool).percent().top1;
  }

  void record(const train::step_record& r, std::optional<double> knn, double wall) {
    std::vector<io::metric> row{{"epoch", r.epoch}, {"wall_s", wall}, {"loss", r.report.loss}};
    for (const auto& [name, value] : terms(r.report)) row.emplace_back("loss_" + name, value);
    row.emplace_back("lr", r.learning_rate);
    row.emplace_back("grad_norm", r.report.gradient_norm);
    const auto names = train::columns_of(recipe_.monitors);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto value = r.monitors.empty() ? std::nullopt : r.monitors[i];
      row.emplace_back(names[i], value);
      if (names[i] == "feature_std" && value) watch_for_collapse(r.step, *value);
    }
    row.emplace_back("knn_top1", knn);
    metrics_->append(r.step, row);
    if (events_) events_->append(r.step, wall, row);
  }

  /// Says when the directions of the projections lose their spread, and when they regain it.
  void watch_for_collapse(std::int64_t step, double spread) {
    const double health = spread * std::sqrt(static_cast<double>(options_.head.projector.back()));
    const bool before = spread_.collapsed(), now = spread_.add(health);
    if (now && !before) {
      bar_->note("warning: step " + std::to_string(step) +
                 ": the projections are collapsing: images point more and more the same way "
                 "(their spread is " +
                 fixed(health, 3) + " of the healthy one and has been " +
                 fixed(spread_.widest(), 3) + "); lower --lr or check the configuration");
    } else if (before && !now) {
      bar_->note("step " + std::to_string(step) + ": the projections have spread again");
    }
  }

  void show(const train::step_record& r, std::optional<double> knn, std::int64_t last,
            std::int64_t first, double wall) {
    const double each = wall / static_cast<double>(r.step - first);
    std::string line = "epoch " + std::to_string(r.epoch + 1) + "/" +
                       std::to_string(options_.epochs) + "  step " + std::to_string(r.step) + "/" +
                       std::to_string(last) + "  loss " + fixed(r.report.loss, 4);
    for (const auto& [name, value] : terms(r.report)) line += "  " + name + " " + fixed(value, 4);
    line += "  " + fixed(options_.batch / each, 1) + " images/s  " +
            duration_text(each * static_cast<double>(last - r.step)) + " left";
    if (knn) {
      bar_->note(line + "  kNN " + fixed(*knn, 2) + " %");
    } else {
      bar_->update(line);
    }
  }

  int interrupted() {
    directory_->write_status(io::run_state::interrupted, trainer_->step(), signals::stopped_by());
    bar_->note("stopped by " + signals::stopped_by() + " after step " +
               std::to_string(trainer_->step()));
    return 128 + signals::stop_requested();
  }

  /// What is about to be trained: sizes, and the loss that unrelated embeddings would have.
  void describe() {
    const auto line = [this](const std::string& text) {
      if (bar_ != nullptr) {
        bar_->note(text);
      } else {
        std::cout << text << "\n";
      }
    };
    const int size = view_size(options_);
    line("device   " + where_);
    if (const int ranks = ranks::count(method_->backend()); ranks > 1) {
      line("ranks    " + std::to_string(ranks) + ", " + std::to_string(options_.batch / ranks) +
           " images of a batch each");
    }
    const std::int64_t unlabeled = images_.train.size() - images_.train.labeled();
    line("data     " + images_.train.name + ", " + std::to_string(images_.train.size()) +
         " training " +
         (unlabeled > 0 ? "(" + std::to_string(unlabeled) + " without a label) " : "") + "and " +
         std::to_string(images_.test.size()) + " test images, views of " + std::to_string(size) +
         " px, " + whereabouts(images_));
    for (const auto& one : account_lines(images_.skipped)) line("skipped  " + one);
    line("weights  " + std::to_string(method_->gradients().list->count()) +
         " in the online network, " +
         std::to_string(method_->encoder().architecture().encoder.out()) + " features");
    if (!initial_.empty()) line("init     " + initial_);
    line("cost     " + std::to_string(method_->about().cost) +
         " encoder forwards an image (a backward counts two)");
    line("steps    " + std::to_string(last_step()) + ", " +
         std::to_string(trainer_->steps_per_epoch()) + " an epoch, batch " +
         std::to_string(options_.batch));
    line("loss     starts near " + fixed(method_->expected_initial_loss(options_.batch), 3) +
         " (unrelated embeddings)");
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() {
    std::error_code removed;  // while the shell was in it: then no path leads there
    const auto directory = std::filesystem::current_path(removed);
    return {{"triptych", io::library_version()},
            {"build", std::string(this_configuration.name)},
            {"commit", build_commit},
            {"compiler", build_compiler},
            {"flags", build_flags},
            {"kernels", cpu::kernels().used},
            {"device", where_},
            {"ranks", std::to_string(ranks::count(method_->backend()))},
            {"hardware_threads", std::to_string(std::thread::hardware_concurrency())},
            {"directory", directory.string()}};
  }

  train_options options_;
  std::string where_;  ///< it computes
  train::identified_images data_;
  const data::split& images_;  ///< of them
  train::trainer_options recipe_;
  std::unique_ptr<method::learner<B>> method_;
  collapse_rule spread_;  ///< that this process has seen
  std::optional<io::run_directory> directory_;
  std::optional<trainer_type> trainer_;
  std::optional<io::metrics_log> metrics_;
  std::optional<tensorboard> events_;
  std::optional<io::train_log> log_;
  std::optional<std::filesystem::path> resumed_from_;
  bool continues_ = false;            ///< the run that is there
  std::string initial_;               ///< file and checksum of --init; empty without it
  std::vector<std::string> notices_;  ///< about resuming, or about --init
  double saved_rate_ = 0;             ///< base of the learning rate, as the checkpoint has it
  progress* bar_ = nullptr;
  double before_ = 0;  // seconds of training before this call
};

/// Instantiated once per backend, in devices/.
template <class B>
trained train_on(B& backend, const train_options& options, const placement& where) {
  if (!options.dry_run && ranks::own(backend) == 0) {
    io::run_directory::preview(run_directory(options), entry(options));
  }
  train_run<B> run(backend, options, where);
  if (ranks::own(backend) > 0) {
    run.follow();
    return {};
  }
  return options.dry_run ? run.rehearse() : run.go();
}

}  // namespace triptych::app
