// The command `eval`: how good the features of a trained encoder are, beside the same encoder
// untrained and beside raw pixels.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/data/loader.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/eval/linear_probe.hpp>
#include <triptych/eval/logistic_regression.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/metrics_log.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "encoder_file.hpp"
#include "signals.hpp"

namespace triptych::app {

namespace {

bool asks_for(const eval_options& o, choice::protocol p) {
  return std::find(o.protocol.begin(), o.protocol.end(), p) != o.protocol.end();
}

/// A line of the result: what was evaluated, how, and what came out.
struct result {
  std::string features, protocol;
  eval::accuracy accuracy;
  std::string note;
};

/// Linear evaluation (docs/evaluation.md): 90 epochs of augmented images through the frozen
/// encoder. Saved after every epoch, so that --resume can go on.
class linear_evaluation {
 public:
  linear_evaluation(const eval_options& options, const trained_run& run, const data::split& images,
                    frozen_encoder& encoder, const eval::feature_set& test, thread_pool& pool)
      : options_(options), run_(run), images_(images), encoder_(encoder), test_(test), pool_(pool),
        size_(view_size(run.options)), per_epoch_(images.train.size() / options.batch),
        probe_(test.dim, test.classes,
               {.steps = eval::probe_steps(images.train.size(), options.batch, options.epochs),
                .learning_rate = options.lr},
               options.seed) {
    if (per_epoch_ < 1) {
      throw error::usage("the batch of " + std::to_string(options.batch) + " exceeds the " +
                         std::to_string(images.train.size()) + " training images; lower --batch");
    }
  }

  /// Last and best epoch; nothing if a signal stopped it.
  std::optional<eval::linear_probe::progress> run(progress& bar) {
    if (const auto warning = eval::probe_warning(options_.epochs * per_epoch_); !warning.empty()) {
      bar.note("warning: " + warning);
    }
    if (options_.resume) {
      restore(bar);
    } else {
      io::remove_tree(directory());
    }
    auto& state = probe_.state_progress();
    data::loader loader(images_.train, {.recipes = {augment::recipes::linear},
                                        .batch_size = options_.batch,
                                        .image_size = size_,
                                        .seed = options_.seed,
                                        .start = {state.epochs, 0}});
    std::vector<float> features(static_cast<std::size_t>(options_.batch) *
                                static_cast<std::size_t>(test_.dim));
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
      probe_.end_epoch(test_, pool_);
      save();
    }
    return state;
  }

 private:
  [[nodiscard]] std::filesystem::path directory() const {
    return run_.directory / "eval" / "linear";
  }

  /// What a saved state must agree with. The manifest stands for every bit of the checkpoint.
  [[nodiscard]] std::string identity() const {
    const auto& path = run_.checkpoint.path;
    const auto manifest = io::digest_of(io::read_file(path / "MANIFEST.json").text());
    return path.filename().string() + " (" + io::hex_text(manifest.xxh64) + ") on " +
           images_.train.name + " " + std::to_string(images_.train.size()) + ", epochs " +
           std::to_string(options_.epochs) + ", batch " + std::to_string(options_.batch) + ", lr " +
           io::number_text(options_.lr) + ", seed " + std::to_string(options_.seed);
  }

  void save() {
    const auto& p = probe_.state_progress();
    std::vector<io::tensor_source> tensors;
    for (const auto& t : probe_.state_tensors()) {
      tensors.push_back(io::tensor_of<float>(
          std::string(t.name), {static_cast<std::int64_t>(t.values.size())}, t.values));
    }
    io::save_checkpoint(directory(),
                        {p.step,
                         p.epochs,
                         identity_,
                         {{"best_epoch", std::to_string(p.best_epoch)},
                          {"last.top1", io::number_text(p.last.top1)},
                          {"last.top5", io::number_text(p.last.top5)},
                          {"best.top1", io::number_text(p.best.top1)},
                          {"best.top5", io::number_text(p.best.top5)}}},
                        {{"probe", std::move(tensors)}});
  }

  void restore(progress& bar) {
    const auto newest = io::newest_checkpoint(directory());
    if (!newest) return;
    const auto saved = io::load_checkpoint(*newest);
    if (saved.note.config != identity_) {
      throw error::checkpoint("the linear evaluation in " + directory().string() +
                              " is another: " + saved.note.config + " where " + identity_ +
                              " is asked for; leave --resume out to begin anew");
    }
    const auto number = [&](const char* key) {
      return std::strtod(saved.note.extra.at(key).c_str(), nullptr);
    };
    for (const auto& t : probe_.state_tensors()) saved.file("probe").copy_to(t.name, t.values);
    auto& p = probe_.state_progress();
    p.step = saved.note.step;
    p.epochs = static_cast<int>(saved.note.epoch);
    p.best_epoch = static_cast<int>(number("best_epoch"));
    p.last = {number("last.top1"), number("last.top5")};
    p.best = {number("best.top1"), number("best.top5")};
    bar.note("resuming the linear evaluation after epoch " + std::to_string(p.epochs));
  }

  const eval_options& options_;
  const trained_run& run_;
  const data::split& images_;
  frozen_encoder& encoder_;
  const eval::feature_set& test_;
  thread_pool& pool_;
  int size_;
  std::int64_t per_epoch_;
  eval::linear_probe probe_;
  std::string identity_ = identity();  // now: a run that still trains prunes its checkpoints
};

eval::accuracy logistic(const eval::feature_set& train, const eval::feature_set& test,
                        thread_pool& pool, std::string& note) {
  eval::logistic_options options;
  options.l2 = eval::choose_l2(train, pool);
  const auto fit = eval::logistic_regression(train, test, options, pool);
  note = "L2 " + io::number_text(options.l2) + (fit.converged ? "" : ", not converged");
  return fit.test;
}

void print(const std::vector<result>& results) {
  table t({"features", "protocol", "top-1 %", "top-5 %", ""});
  for (const auto& r : results) {
    t.add({r.features, r.protocol, fixed(r.accuracy.top1, 2), fixed(r.accuracy.top5, 2), r.note});
  }
  std::cout << t;
}

std::string json(const std::vector<result>& results, const trained_run& run,
                 const data::split& images) {
  std::string text = "{\n  \"checkpoint\": " + io::json_string(run.checkpoint.path.string()) +
                     ",\n  \"data\": " + io::json_string(images.train.name) +
                     ",\n  \"train_images\": " + std::to_string(images.train.size()) +
                     ",\n  \"test_images\": " + std::to_string(images.test.size()) +
                     ",\n  \"results\": [";
  for (const auto& r : results) {
    text += (text.back() == '[' ? "\n    " : ",\n    ") + std::string("{\"features\": ") +
            io::json_string(r.features) + ", \"protocol\": " + io::json_string(r.protocol) +
            ", \"top1\": " + io::number_text(r.accuracy.top1) +
            ", \"top5\": " + io::number_text(r.accuracy.top5) +
            ", \"note\": " + io::json_string(r.note) + "}";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace

int evaluate(const eval_options& asked) {
  const trained_run run = open_run(asked.run);
  eval_options options = asked;
  inherit_data(options, run.options);
  const data::split images =
      data::load(data_source(options.data, options.data_dir, options.limit_per_file, run.options));
  progress bar(options.quiet);
  backend::eigen<> backend(options.threads);
  thread_pool pool(options.threads);
  const int size = view_size(run.options);
  const bool by_logistic = asks_for(options, choice::protocol::logistic);
  const bool by_knn = asks_for(options, choice::protocol::knn);

  std::vector<result> results;
  const auto judge = [&](const std::string& name, const eval::feature_set& train,
                         const eval::feature_set& test, bool use_logistic, bool use_knn) {
    if (use_logistic) {
      std::string note;
      const auto accuracy = logistic(train, test, pool, note);
      results.push_back({name, "logistic", accuracy, note});
    }
    if (use_knn) results.push_back({name, "kNN", eval::knn(train, test, {}, pool), ""});
  };

  frozen_encoder encoder = make_encoder(backend, run.options);
  load_encoder(encoder, run.checkpoint);
  bar.update("encoding " + std::to_string(images.train.size() + images.test.size()) + " images");
  const auto test = eval::encode(encoder, images.test, size, pool);
  if (by_logistic || by_knn) {
    judge("trained", eval::encode(encoder, images.train, size, pool), test, by_logistic, by_knn);
  }
  if (options.untrained_baseline) {
    frozen_encoder untrained = make_encoder(backend, run.options);
    untrained.initialise(run.options.seed);
    bar.update("encoding with the untrained encoder");
    judge("untrained", eval::encode(untrained, images.train, size, pool),
          eval::encode(untrained, images.test, size, pool), by_logistic || !by_knn, by_knn);
  }
  const auto pixels = [](const data::image_set& set) {
    return eval::pixel_features(set.pixels, set.labels, set.classes, set.mean, set.deviation);
  };
  judge("raw pixels", pixels(images.train), pixels(images.test), false, true);

  if (asks_for(options, choice::protocol::linear)) {
    linear_evaluation linear(options, run, images, encoder, test, pool);
    signals::install();  // from here on there is something to continue
    const auto done = linear.run(bar);
    if (!done) {
      bar.note("stopped by a signal; go on with: triptych eval " + asked.run + " --resume");
      return 128 + signals::stop_requested();
    }
    results.insert(results.begin(), {{"trained", "linear, last epoch", done->last,
                                      "epoch " + std::to_string(done->epochs)},
                                     {"trained", "linear, best epoch", done->best,
                                      "epoch " + std::to_string(done->best_epoch)}});
  }
  bar.clear();
  const auto file = run.directory / "eval.json";
  io::replace_file(file, json(results, run, images));
  if (options.json) {
    std::cout << json(results, run, images);
  } else {
    print(results);
    std::cout << "\nwritten to " << file.string() << "\n";
  }
  return 0;
}

}  // namespace triptych::app
