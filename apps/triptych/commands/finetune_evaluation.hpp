// apps/triptych/commands/finetune_evaluation.hpp
//
// Fine-tuning as a protocol (docs/evaluation.md): all weights of the encoder and a new classifier
// learn from the labels of training images, and the best epoch by held-out ones is judged. Saved
// after every epoch, so that --resume can go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/data/image_set.hpp>
#include <triptych/data/subset.hpp>
#include <triptych/eval/finetune.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/train/host_tensor.hpp>

#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/protocol_state.hpp"
#include "triptych/console.hpp"
#include "triptych/options/options.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

class finetune_evaluation {
 public:
  /// What was saved of one that learns from `labels` images. To be opened before anything is
  /// measured: it may be refused.
  static std::unique_ptr<protocol_state> open(const frozen_run<eval_options>& subject,
                                              const eval_options& o, std::size_t labels,
                                              const std::filesystem::path& directory) {
    return std::make_unique<protocol_state>(
        directory, "fine-tuning",
        subject.identity() + ", " + std::to_string(labels) + " labels, epochs " +
            std::to_string(o.finetune_epochs) + ", batch " + std::to_string(o.finetune_batch) +
            ", rates " + io::number_text(o.backbone_lr) + " and " + io::number_text(o.head_lr) +
            ", weight decay " + io::number_text(o.weight_decay) + ", patience " +
            std::to_string(o.patience) + ", seed " + std::to_string(o.seed),
        o.resume);
  }

  /// Learns from the training images `chosen`, from the start or as `state` has it.
  finetune_evaluation(frozen_run<eval_options>& subject, const eval_options& options,
                      std::vector<std::int64_t> chosen, const protocol_state& state, progress& bar)
      : pool_(subject.pool), images_(data::subset(subject.images.train, std::move(chosen))),
        work_(subject.encoder, images_, settings(subject, options), pool_), state_(state) {
    if (state_.saved()) restore(options, bar);
  }

  /// The best epoch on the test images; nothing if a signal stopped it.
  std::optional<eval::classification> run(const data::image_set& test, progress& bar) {
    while (!work_.done()) {
      const bool ended = work_.run_epoch([&](const eval::finetune_status& now) {
        if (bar.due()) {
          bar.update("fine-tuning  epoch " + std::to_string(now.epoch) + "  step " +
                     std::to_string(now.step) + "/" + std::to_string(now.steps_per_epoch) +
                     "  loss " + fixed(now.loss, 4) + "  held out " + fixed(now.held_out.top1, 2));
        }
        return signals::stop_requested() == 0;
      });
      if (!ended) return std::nullopt;
      save();
    }
    return work_.evaluate(test);
  }

  /// "epoch 13 of 23": the best one
  [[nodiscard]] std::string note() const {
    const auto& p = work_.tuner().state_progress();
    return "epoch " + std::to_string(p.best_epoch) + " of " + std::to_string(p.epochs);
  }

 private:
  using tuning = eval::finetuning<backend::eigen<>>;

  static eval::finetune_options settings(const frozen_run<eval_options>& subject,
                                         const eval_options& o) {
    return {.epochs = o.finetune_epochs,
            .batch = o.finetune_batch,
            .image_size = view_size(subject.source.options),
            .backbone_rate = o.backbone_lr,
            .head_rate = o.head_lr,
            .weight_decay = o.weight_decay,
            .patience = o.patience,
            .seed = o.seed,
            .loader_threads = subject.images.train.read ? subject.pool.size() : 1};
  }

  void save() {
    auto& tuner = work_.tuner();
    const auto& p = tuner.state_progress();
    std::vector<train::host_tensor<float>> tensors;
    for (const auto& arena : tuner.arenas()) {
      for (auto& t : train::download(tuner.best().backend(), arena)) {
        tensors.push_back(std::move(t));
      }
    }
    state_.save(p.step, p.epochs,
                {{"best_epoch", std::to_string(p.best_epoch)},
                 {"last.top1", io::number_text(p.last.accuracy.top1)},
                 {"last.loss", io::number_text(p.last.loss)},
                 {"best.top1", io::number_text(p.best.accuracy.top1)},
                 {"best.loss", io::number_text(p.best.loss)}},
                {{"classifier", train::sources(tensors)}});
  }

  void restore(const eval_options& options, progress& bar) {
    const auto& saved = *state_.saved();
    auto& tuner = work_.tuner();
    auto p = tuner.state_progress();
    if (saved.note.epoch < 1 || saved.note.epoch > options.finetune_epochs) {
      throw state_.damaged("epoch");
    }
    p.epochs = static_cast<int>(saved.note.epoch);
    p.step = saved.note.step;
    if (p.step != p.epochs * work_.steps_per_epoch()) throw state_.damaged("step");
    p.best_epoch = state_.number("best_epoch", 1, p.epochs);
    const auto held_out = [&](const std::string& key) {
      constexpr double largest_loss = 1e30;
      return eval::classification{{state_.number(key + ".top1", 0.0, eval::most_percent)},
                                  state_.number(key + ".loss", 0.0, largest_loss)};
    };
    p.last = held_out("last");
    p.best = held_out("best");
    const auto& file = saved.file("classifier");
    for (const auto& arena : tuner.arenas()) {
      for (const auto& t : *arena.list) {
        const auto& found = file.info(arena.prefix + t.name);
        if (found.type != io::dtype::f32 || found.shape != t.shape) {
          throw state_.damaged(arena.prefix + t.name);
        }
      }
    }
    for (const auto& arena : tuner.arenas()) {
      train::upload(tuner.best().backend(), arena,
                    [&](const std::string& name) { return file.values<float>(name); });
    }
    tuner.state_progress() = p;
    bar.note("resuming fine-tuning after epoch " + std::to_string(p.epochs));
  }

  thread_pool& pool_;
  data::image_set images_;  ///< to learn from
  tuning work_;
  const protocol_state& state_;
};

}  // namespace triptych::app
