// apps/triptych/commands/linear_evaluation.hpp
//
// Linear evaluation (docs/evaluation.md): epochs of augmented images through the frozen encoder.
// Saved after every epoch, so that --resume can go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/data/loader.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/linear_probe.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/protocol_state.hpp"
#include "triptych/console.hpp"
#include "triptych/options/options.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

class linear_evaluation {
 public:
  /// What lies in `state` is looked at before anything is measured: it may be refused.
  linear_evaluation(frozen_run<eval_options>& subject, const eval_options& options,
                    const std::filesystem::path& state, progress& bar)
      : options_(options), images_(subject.images), encoder_(subject.encoder), pool_(subject.pool),
        size_(view_size(subject.source.options)), per_epoch_(images_.train.size() / options_.batch),
        probe_(encoder_.architecture().encoder.out(), images_.test.classes,
               {.steps = eval::probe_steps(images_.train.size(), options_.batch, options_.epochs),
                .learning_rate = options_.lr},
               options_.seed),
        state_(state, "linear evaluation",
               subject.identity() + ", epochs " + std::to_string(options.epochs) + ", batch " +
                   std::to_string(options.batch) + ", lr " + io::number_text(options.lr) +
                   ", seed " + std::to_string(options.seed),
               options.resume) {
    if (const auto warning = eval::probe_warning(options_.epochs * per_epoch_); !warning.empty()) {
      bar.note("warning: " + warning);
    }
    if (state_.saved()) restore(bar);
  }

  /// Last and best epoch; nothing if a signal stopped it.
  std::optional<eval::linear_probe::progress> run(const eval::feature_set& test, progress& bar) {
    auto& state = probe_.state_progress();
    data::loader loader(images_.train, {.recipes = {augment::recipes::linear},
                                        .batch_size = options_.batch,
                                        .image_size = size_,
                                        .seed = options_.seed,
                                        .start = {state.epochs, 0},
                                        .threads = images_.train.read ? pool_.size() : 1});
    std::vector<float> features(static_cast<std::size_t>(options_.batch) *
                                static_cast<std::size_t>(encoder_.architecture().encoder.out()));
    while (state.epochs < options_.epochs) {
      float loss = 0;
      for (std::int64_t s = 0; s < per_epoch_; ++s) {
        const data::batch& batch = loader.next();
        eval::encode(encoder_, batch.images, batch.size, size_, features.data());
        loss = probe_.step(features, batch.labels);
        if (bar.due()) {
          bar.update("linear evaluation  epoch " + std::to_string(state.epochs + 1) + "/" +
                     std::to_string(options_.epochs) + "  step " + std::to_string(s + 1) + "/" +
                     std::to_string(per_epoch_) + "  loss " + fixed(static_cast<double>(loss), 4) +
                     "  top-1 " + fixed(state.last.top1, 2));
        }
        if (signals::stop_requested() != 0) return std::nullopt;
      }
      probe_.end_epoch(test, pool_);
      save();
    }
    return state;
  }

  /// Of the last epoch.
  [[nodiscard]] eval::confusion_matrix confusion(const eval::feature_set& test) const {
    return probe_.evaluate(test, pool_);
  }

 private:
  void save() {
    const auto& p = probe_.state_progress();
    std::vector<io::tensor_source> tensors;
    for (const auto& t : probe_.state_tensors()) {
      tensors.push_back(io::tensor_of<float>(
          std::string(t.name), {static_cast<std::int64_t>(t.values.size())}, t.values));
    }
    io::metadata_map numbers{{"best_epoch", std::to_string(p.best_epoch)}};
    const auto note = [&](const std::string& key, const eval::accuracy& a) {
      numbers[key + ".top1"] = io::number_text(a.top1);
      numbers[key + ".top5"] = io::number_text(a.top5);
      if (a.mean_per_class) numbers[key + ".mean_per_class"] = io::number_text(*a.mean_per_class);
    };
    note("last", p.last);
    note("best", p.best);
    state_.save(p.step, p.epochs, std::move(numbers), {{"probe", std::move(tensors)}});
  }

  void restore(progress& bar) {
    const auto& saved = *state_.saved();
    const auto accuracy = [&](const std::string& key) {
      const auto percent = [&](const std::string& name) {
        return state_.number(key + name, 0.0, eval::most_percent);
      };
      eval::accuracy a{percent(".top1"), percent(".top5")};
      if (saved.note.extra.contains(key + ".mean_per_class")) {  // older versions did not keep it
        a.mean_per_class = percent(".mean_per_class");
      }
      return a;
    };
    eval::linear_probe::progress p;
    if (saved.note.epoch < 1 || saved.note.epoch > options_.epochs) throw state_.damaged("epoch");
    p.epochs = static_cast<int>(saved.note.epoch);
    p.step = saved.note.step;
    if (p.step != p.epochs * per_epoch_) throw state_.damaged("step");
    p.best_epoch = state_.number("best_epoch", 1, p.epochs);
    p.last = accuracy("last");
    p.best = accuracy("best");
    for (const auto& t : probe_.state_tensors()) saved.file("probe").copy_to(t.name, t.values);
    state_.adopt();
    probe_.state_progress() = p;
    bar.note("resuming the linear evaluation after epoch " + std::to_string(p.epochs));
  }

  const eval_options& options_;
  const data::split& images_;
  frozen_encoder& encoder_;
  thread_pool& pool_;
  int size_;
  std::int64_t per_epoch_;
  eval::linear_probe probe_;
  protocol_state state_;
};

}  // namespace triptych::app
