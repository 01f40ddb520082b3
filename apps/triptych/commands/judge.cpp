// One encoder judged on one data set, by every protocol that is asked for.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/file.h>

#include <triptych/data/subset.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/eval/logistic_regression.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/eval_files.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/feature_cache.hpp"
#include "triptych/commands/finetune_evaluation.hpp"
#include "triptych/commands/linear_evaluation.hpp"
#include "triptych/commands/run_target.hpp"
#include "triptych/console.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/memory_advice.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

namespace {

bool asks_for(const eval_options& o, choice::protocol p) {
  return std::find(o.protocol.begin(), o.protocol.end(), p) != o.protocol.end();
}

bool asks_for(const eval_options& o, choice::baseline b) {
  return std::find(o.baselines.begin(), o.baselines.end(), b) != o.baselines.end();
}

/// Whether a class has rows enough for eval::choose_l2 to hold some of them out.
bool can_choose_l2(const eval::feature_set& train) {
  std::vector<int> rows(static_cast<std::size_t>(train.classes));
  for (const auto label : train.labels) ++rows[static_cast<std::size_t>(label)];
  return *std::max_element(rows.begin(), rows.end()) >= 5;
}

/// A line of the result, from what was counted.
judgment judged(const std::string& features, choice::protocol protocol,
                eval::confusion_matrix confusion, std::string note) {
  const auto& hits = confusion.hits();
  return {features,        std::string(protocol_name(protocol)),         confusion.percent(),
          std::move(note), eval::wilson_interval(hits.top1, hits.total), std::move(confusion)};
}

judgment logistic(const std::string& name, const eval::feature_set& train,
                  const eval::feature_set& test, thread_pool& pool, progress& bar) {
  eval::logistic_options options;
  const auto showing = [&](const std::string& purpose) {
    return [&bar, what = "logistic  " + name + "  " + purpose](const eval::fit_progress& fit) {
      if (!bar.due()) return;
      bar.update(what + " L2 " + io::number_text(fit.l2) + "  iteration " +
                 std::to_string(fit.iteration));
    };
  };
  const bool chosen = can_choose_l2(train);
  if (chosen) options.l2 = eval::choose_l2(train, pool, eval::usual_l2, {}, showing("trying"));
  const auto fit = eval::logistic_regression(train, test, options, pool, showing("with"));
  return judged(name, choice::protocol::logistic, fit.test,
                "L2 " + io::number_text(options.l2) +
                    (chosen ? "" : ", too few images to choose it") +
                    (fit.converged ? "" : ", not converged"));
}

/// "1 % of the labels, 500 images"
std::string share_text(const label_draw& draw) {
  char percent[32];
  std::snprintf(percent, sizeof percent, "%g", 100 * draw.fraction);
  return std::string(percent) + " % of the labels, " + std::to_string(draw.images.size()) +
         " images";
}

/// The files in `eval` that what is asked for may need.
std::vector<std::string> file_names(const eval_options& o) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view features, choice::protocol p, bool by_shares) {
    names.push_back(confusion_name(features, protocol_name(p)));
    for (const double share : o.label_fraction) {
      if (by_shares) names.push_back(confusion_name(features, protocol_name(p), share));
    }
  };
  const bool by_knn = asks_for(o, choice::protocol::knn);
  const bool by_logistic = asks_for(o, choice::protocol::logistic);
  if (asks_for(o, choice::protocol::linear)) add("trained", choice::protocol::linear, false);
  if (asks_for(o, choice::protocol::finetune)) add("trained", choice::protocol::finetune, true);
  if (by_logistic) add("trained", choice::protocol::logistic, true);
  if (by_knn) add("trained", choice::protocol::knn, true);
  if (asks_for(o, choice::baseline::untrained)) {
    if (by_logistic || !by_knn) add("untrained", choice::protocol::logistic, true);
    if (by_knn) add("untrained", choice::protocol::knn, true);
  }
  if (asks_for(o, choice::baseline::pixels)) add("raw pixels", choice::protocol::knn, false);
  for (const double share : o.label_fraction) names.push_back(labels_name(share));
  return names;
}

/// Lists what holds the result as ours before the work begins. Throws error::usage where it is
/// there, is not listed, and is nothing that an older version wrote.
void own_result(const std::filesystem::path& run, const eval_options& options) {
  own_files(run / "eval", file_names(options));
  io::owned_names owned(run);
  const std::string name = "eval.json";
  if (!owned.has(name) && owned.in().status(name)) {
    try {
      static_cast<void>(read_evaluation(run / name, ""));
      owned.adopt({name});
    } catch (const error&) {  // something else
    }
  }
  owned.claim({name});
  // What an interrupted evaluation left; a trainer that is at work clears up by itself.
  if (io::lock_directory(owned.in(), LOCK_EX)) {
    owned.clear_leftovers({name, io::marker_name});
  }
}

/// One encoder on one data set: every protocol that is asked for, by all labels and by each share of
/// them, beside the baselines.
class judging {
 public:
  /// A protocol that trains keeps its state in `state` while it lasts; by default it lies with the
  /// results.
  judging(const eval_options& asked, const std::filesystem::path& state)
      : subject_(asked), private_(subject_.source.directory), options_(subject_.options),
        images_(subject_.images), bar_(options_.quiet), alone_(state.empty()),
        size_(view_size(subject_.source.options)) {
    auto& learned_from = subject_.data.images.train;
    learned_from.labels.resize(static_cast<std::size_t>(learned_from.labeled()));
    for (const auto& one : subject_.notices) bar_.note(one);
    if (options_.same_images) subject_.refuse_other_images();
    if (images_.test.size() == 0) {
      throw no_test_images(images_.test, "give some, or take the features alone: triptych embed " +
                                             shell_word(asked.run) +
                                             " --split train --out features.safetensors");
    }
    found_.run = place();
    found_.checkpoint = subject_.source.path.string();
    found_.data = images_.train.name;
    found_.train_images = images_.train.size();
    found_.test_images = images_.test.size();
    found_.class_names = subject_.data.identity.class_names;
    for (const double share : options_.label_fraction) {
      found_.draws.push_back(
          {share, data::draw_share(images_.train.labels, share, options_.seed).drawn});
    }
    state_ = alone_ ? found_.run / "eval" : state;
    if (options_.trained && alone_) {
      io::make_directories(state_);
      held_.emplace(state_);
      if (!io::lock_directory(held_->in(), LOCK_EX)) {
        throw error::busy("another evaluation is at work in " + found_.run.string() +
                          "; wait until it ends, or give another --out");
      }
      own_result(found_.run, options_);
    }
    if (options_.batch > images_.train.size()) {
      options_.batch = static_cast<int>(images_.train.size());
      smaller_ = ", batch " + std::to_string(options_.batch);
    }
  }

  /// Nothing if a signal stopped it.
  std::optional<evaluation> run() {
    const bool by_linear = options_.trained && asks_for(options_, choice::protocol::linear);
    std::optional<linear_evaluation> linear;
    if (by_linear) {
      linear.emplace(subject_, options_, alone_ ? state_ / "linear" : state_, bar_);
    }
    if (options_.trained && asks_for(options_, choice::protocol::finetune)) open_finetuning();
    feature_cache kept(alone_ && options_.trained && options_.keep_features
                           ? std::optional(state_ / "features")
                           : std::nullopt,
                       bar_);
    const eval::feature_set test = judge_features(kept);
    std::vector<judgment> trained_rows;
    if (linear && !judge_linear(*linear, test, trained_rows)) return std::nullopt;
    if (!judge_finetuned(trained_rows)) return std::nullopt;
    found_.results.insert(found_.results.begin(), std::make_move_iterator(trained_rows.begin()),
                          std::make_move_iterator(trained_rows.end()));
    if (found_.results.empty() && !found_.failures.empty()) throw found_.failures.front();
    if (held_) refuse_moved(held_->in());
    if (alone_) {
      write_files(found_.run / "eval", found_);
      io::replace_file(found_.run / "eval.json", to_json(found_));
    }
    return std::move(found_);
  }

 private:
  /// Where results go.
  [[nodiscard]] std::filesystem::path place() const {
    const std::filesystem::path out = options_.out;
    if (!out.empty()) return options_.several ? out / options_.data : out;
    const auto& directory = subject_.source.directory;
    return options_.several && !subject_.source.is_file ? directory / "transfer" / options_.data
                                                        : directory;
  }

  /// What cannot be measured does not keep the rest from being measured.
  template <class Measure>
  void attempt(const std::string& what, const Measure& measure) {
    try {
      measure();
    } catch (const std::exception& failure) {
      const error known = as_error(failure, less_memory(options_));
      if (!alone_ || known.kind() == error_kind::io) throw;
      found_.failures.emplace_back(known.kind(), what + " was not measured: " + known.what());
      bar_.note("warning: " + std::string(found_.failures.back().what()));
    }
  }

  template <class Train, class Test>
  void by_neighbors(const std::string& name, const Train& train, const Test& test) {
    const auto show = [&](std::int64_t done, std::int64_t total) {
      if (!bar_.due()) return;
      bar_.update("kNN  " + name + "  " + std::to_string(100 * done / total) + " %");
    };
    found_.results.push_back(
        judged(name, choice::protocol::knn, eval::knn(train, test, {}, subject_.pool, show), ""));
  }

  void measure_by(const std::string& name, const eval::feature_set& train,
                  const eval::feature_set& test, bool use_logistic, bool use_knn) {
    if (use_logistic) {
      attempt(name + ", logistic",
              [&] { found_.results.push_back(logistic(name, train, test, subject_.pool, bar_)); });
    }
    if (use_knn) attempt(name + ", kNN", [&] { by_neighbors(name, train, test); });
  }

  static void say_share(judgment& r, const label_draw& draw) {
    r.label_fraction = draw.fraction;
    r.note = share_text(draw) + (r.note.empty() ? "" : ", " + r.note);
  }

  /// By all labels, then by each share of them.
  void measure(const std::string& name, const eval::feature_set& train,
               const eval::feature_set& test, bool use_logistic, bool use_knn) {
    measure_by(name, train, test, use_logistic, use_knn);
    for (const auto& draw : found_.draws) {
      const std::size_t first = found_.results.size();
      measure_by(name, eval::chosen_rows(train, draw.images), test, use_logistic, use_knn);
      for (std::size_t i = first; i < found_.results.size(); ++i) {
        say_share(found_.results[i], draw);
      }
    }
  }

  /// The features of one part through an encoder, from the file that is kept or computed.
  eval::feature_set features(feature_cache& kept, const std::string& name, bool of_test,
                             const std::string& identity, frozen_encoder& encoder) {
    const auto& set = of_test ? images_.test : images_.train;
    const int dim = encoder.architecture().encoder.out();
    return kept.of(name + (of_test ? "-test" : "-train"), identity, set, dim, [&] {
      bar_.update("encoding " + std::to_string(set.size()) + " images, " + name);
      auto encoded = eval::encode(encoder, set, size_, subject_.pool);
      if (held_) refuse_moved(held_->in());
      return encoded;
    });
  }

  /// What fits classifiers on features. Returns those of the test images, if anything asks for them.
  eval::feature_set judge_features(feature_cache& kept) {
    const bool by_logistic = asks_for(options_, choice::protocol::logistic);
    const bool by_knn = asks_for(options_, choice::protocol::knn);
    const bool by_linear = asks_for(options_, choice::protocol::linear);
    const std::string identity = subject_.identity();
    eval::feature_set test;
    if (options_.trained && (by_logistic || by_knn || by_linear)) {
      test = features(kept, "trained", true, identity, subject_.encoder);
      if (by_logistic || by_knn) {
        measure("trained", features(kept, "trained", false, identity, subject_.encoder), test,
                by_logistic, by_knn);
      }
    }
    if (asks_for(options_, choice::baseline::untrained)) {
      attempt("untrained", [&] {
        const auto seed = subject_.source.options.seed;
        frozen_encoder untrained = make_encoder(subject_.backend, subject_.source.options);
        untrained.initialize(seed);
        const auto other = identity + ", untrained by seed " + std::to_string(seed);
        measure("untrained", features(kept, "untrained", false, other, untrained),
                features(kept, "untrained", true, other, untrained), by_logistic || !by_knn,
                by_knn);
      });
    }
    if (asks_for(options_, choice::baseline::pixels)) {
      attempt("raw pixels, kNN", [&] {
        by_neighbors("raw pixels", eval::pixel_rows(images_.train, size_, subject_.pool),
                     eval::pixel_rows(images_.test, size_, subject_.pool));
      });
    }
    return test;
  }

  /// False if a signal stopped it.
  bool judge_linear(linear_evaluation& linear, const eval::feature_set& test,
                    std::vector<judgment>& rows) {
    std::optional<eval::linear_probe::progress> done;
    bool stopped = false;
    attempt("trained, linear", [&] {
      signals::install();  // from here on there is something to continue
      done = linear.run(test, bar_);
      stopped = !done;
    });
    if (!done) return !stopped;
    const auto best_hits = std::llround(done->best.top1 / 100 * static_cast<double>(test.size));
    rows.push_back(judged("trained", choice::protocol::linear, linear.confusion(test),
                          "epoch " + std::to_string(done->epochs) + smaller_));
    rows.push_back(
        {"trained", std::string(best_epoch_name), done->best,
         "epoch " + std::to_string(done->best_epoch),
         eval::wilson_interval(std::clamp<std::int64_t>(best_hits, 0, test.size), test.size)});
    return true;
  }

  /// What fine-tuning by all labels, then by each share of them, learns from, and what was saved
  /// of it.
  void open_finetuning() {
    label_draw all;
    all.images.resize(static_cast<std::size_t>(images_.train.size()));
    std::iota(all.images.begin(), all.images.end(), std::int64_t{0});
    tunings_.push_back({"finetune", std::move(all), nullptr});
    for (const auto& draw : found_.draws) {
      tunings_.push_back({"finetune-" + io::number_text(draw.fraction), draw, nullptr});
    }
    for (auto& t : tunings_) {
      t.state =
          finetune_evaluation::open(subject_, options_, t.draw.images.size(), state_ / t.name);
    }
  }

  /// False if a signal stopped it.
  bool judge_finetuned(std::vector<judgment>& rows) {
    bool stopped = false;
    for (const auto& t : tunings_) {
      attempt("trained, " + t.name, [&] {
        finetune_evaluation work(subject_, options_, t.draw.images, *t.state, bar_);
        signals::install();
        auto done = work.run(images_.test, bar_);
        stopped = !done;
        if (!done) return;
        rows.push_back(
            judged("trained", choice::protocol::finetune, std::move(done->confusion), work.note()));
        if (&t != &tunings_.front()) say_share(rows.back(), t.draw);
      });
      if (stopped) return false;
    }
    return true;
  }

  struct tuning {
    std::string name;
    label_draw draw;
    std::unique_ptr<protocol_state> state;
  };

  frozen_run<eval_options> subject_;
  as_private_as private_;  ///< as its run
  eval_options options_;
  const data::split& images_;
  progress bar_;
  bool alone_;  ///< and not for another command
  int size_;
  evaluation found_;
  std::filesystem::path state_;
  std::optional<io::owned_names> held_;  ///< the directory eval, and its lock
  std::vector<tuning> tunings_;
  std::string smaller_;  ///< what became of the batch
};

}  // namespace

std::optional<evaluation> judge(const eval_options& asked, const std::filesystem::path& state) {
  return judging(asked, state).run();
}

}  // namespace triptych::app
