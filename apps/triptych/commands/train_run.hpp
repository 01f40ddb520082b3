// apps/triptych/commands/train_run.hpp
//
// A training run from its options to its directory: build, resume, step, log, save, stop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/train/checkpoint.hpp>
#include <triptych/train/encoder_export.hpp>
#include <triptych/train/step_dump.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/commands/images.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/commands/model_card.hpp"
#include "triptych/commands/resumable.hpp"
#include "triptych/commands/run_environment.hpp"
#include "triptych/commands/run_ranks.hpp"
#include "triptych/commands/run_target.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/commands/train_journal.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/failure.hpp"
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
        method_(make_method(backend, options_, train::total_steps(recipe_, images_.train))),
        journal_(options_, method_->about().terms, train::columns_of(recipe_.monitors)) {
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
    join(*method_, options_, data_, 0);
    for (const auto& one : description()) std::cout << one << "\n";
    advance();
    trainer_->report();  // so that a device has done it
    const auto start = clock::now();
    advance();
    trainer_->report();
    const double each = seconds_since(start);
    tell(method_->backend(), order::end);
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
    make_trainer(join(*method_, options_, data_, 0));
    while (tell(method_->backend(), order::end) == order::step) trainer_->advance();
  }

  /// The run.
  trained go() {
    if (options_.resume.empty()) {
      begin();
    } else {
      resume();
    }
    directory_->write_data(data_json(data_));
    directory_->write_environment(environment(where_, ranks::count(method_->backend())));
    signals::install();  // before the status says that the run goes on
    if (options_.stop_after > 0) signals::stop_after(60 * options_.stop_after);
    directory_->write_status(io::run_state::running, trainer_->step());
    try {
      if (resumed_from_) {
        journal_.note("resuming " + directory_->root().string() + " after step " +
                      std::to_string(trainer_->step()) + " on " + where_);
        for (const auto& one : notices_) journal_.note(one);
        if (const double rate = base_rate(options_, trainer_->step()); rate != saved_rate_) {
          journal_.note("the learning rate's base is " + io::number_text(rate) +
                        " from here on, not " + io::number_text(saved_rate_));
        }
        export_encoder();  // the one that is there may be of another step
      } else {
        for (const auto& one : description()) journal_.note(one);
        for (const auto& one : notices_) journal_.note(one);
        save();
      }
      const trained done = loop();
      tell(method_->backend(), order::end);
      return done;
    } catch (const std::exception& e) {
      journal_.clear();
      try {
        const error known = as_error(e);
        directory_->write_status(io::run_state::failed, trainer_->step(), known.what());
        journal_.log(known.what());
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

  /// A step, on all ranks.
  train::step_record advance(const method::trace<typename B::real>& watch = {}) {
    tell(method_->backend(), order::step);
    return trainer_->advance(watch);
  }

  [[nodiscard]] std::int64_t last_step() const {
    const std::int64_t all = trainer_->steps();
    return options_.max_steps > 0 ? std::min(options_.max_steps, all) : all;
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
    journal_.open(*directory_, std::nullopt);
    join(*method_, options_, data_, 0);
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
      refuse_other_configuration(saved, options_);
      saved_rate_ = base_rate(config_of(saved), saved.note.step);
      if (continues_ && options_.resume != "auto") refuse_foreign(saved, directory_->root());
      go_on_with_images(saved, options_, data_, notices_);
      refuse_step_beyond(saved, train::total_steps(recipe_, images_.train));
      make_trainer(saved.note.step);
      train::restore(saved, *method_, trainer_->queue_labels());
      if (const auto from = saved.note.extra.find(initial_key); from != saved.note.extra.end()) {
        initial_ = from->second;
      }
      own_files(*directory_);
      if (continues_) {
        io::mark_latest(directory_->checkpoints(),
                        directory_->checkpoints() / io::checkpoint_name(saved.note.step));
      } else {  // before the configuration: with that and no checkpoint it would begin anew
        save_checkpoint();
      }
    } else {
      take_initial_state();
      make_trainer(0);
      own_files(*directory_);
    }
    directory_->write_config(config_toml(options_));
    journal_.open(*directory_, continues_ ? std::optional(trainer_->step()) : std::nullopt);
    join(*method_, options_, data_, trainer_->step());
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
        journal_.record(r, knn, journal_.seconds_before() + seconds_since(start));
      }
      if (journal_.due() || judge) journal_.show(r, knn, first, last, seconds_since(start));

      const bool stop = signals::stop_requested() != 0;
      const bool asked = signals::take_checkpoint_request();
      const bool regular = epoch_ends && epochs % options_.checkpoint_every == 0;
      if (stop || asked || regular || r.step == last) save();
      if (stop && r.step < last) return ended(interrupted(), seconds_since(start));
    }
    directory_->write_status(io::run_state::done, trainer_->step(), early_end());
    const double wall = seconds_since(start);
    journal_.note("trained " + std::to_string(trainer_->step() - first) + " steps in " +
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
    journal_.note("wrote step " + std::to_string(r.step) + " to " + options_.dump_step);
    return r;
  }

  void save() {
    directory_->check_held();
    journal_.sync();
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
    io::owned_names(directory).claim(io::run_directory::export_files());
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

  int interrupted() {
    directory_->write_status(io::run_state::interrupted, trainer_->step(), signals::stopped_by());
    journal_.note("stopped by " + signals::stopped_by() + " after step " +
                  std::to_string(trainer_->step()));
    return 128 + signals::stop_requested();
  }

  /// What is about to be trained: sizes, and the loss that unrelated embeddings would have.
  [[nodiscard]] std::vector<std::string> description() const {
    std::vector<std::string> lines;
    const auto line = [&lines](std::string text) { lines.push_back(std::move(text)); };
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
    return lines;
  }

  train_options options_;
  std::string where_;  ///< it computes
  train::identified_images data_;
  const data::split& images_;  ///< of them
  train::trainer_options recipe_;
  std::unique_ptr<method::learner<B>> method_;
  std::optional<io::run_directory> directory_;
  train_journal journal_;  ///< in it
  std::optional<trainer_type> trainer_;
  std::optional<std::filesystem::path> resumed_from_;
  bool continues_ = false;            ///< the run that is there
  std::string initial_;               ///< file and checksum of --init; empty without it
  std::vector<std::string> notices_;  ///< about resuming, or about --init
  double saved_rate_ = 0;             ///< base of the learning rate, as the checkpoint has it
};

/// Instantiated once per backend, in devices/.
template <class B>
trained train_on(B& backend, const train_options& options, const placement& where) {
  std::optional<as_private_as> guard;
  if (!options.dry_run && ranks::own(backend) == 0) {
    io::run_directory::preview(run_directory(options), entry(options));
    guard.emplace(run_directory(options));
  }
  train_run<B> run(backend, options, where);
  if (ranks::own(backend) > 0) {
    run.follow();
    return {};
  }
  return options.dry_run ? run.rehearse() : run.go();
}

}  // namespace triptych::app
