// The command `eval`: how good the features of a trained encoder are, beside the same encoder
// untrained and beside raw pixels.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/file.h>

#include <nlohmann/json.hpp>

#include <triptych/data/loader.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/eval/label_fraction.hpp>
#include <triptych/eval/linear_probe.hpp>
#include <triptych/eval/logistic_regression.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/metrics_log.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/confusion_file.hpp"
#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/console.hpp"
#include "triptych/failure.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

namespace {

bool asks_for(const eval_options& o, choice::protocol p) {
  return std::find(o.protocol.begin(), o.protocol.end(), p) != o.protocol.end();
}

bool asks_for(const eval_options& o, choice::baseline b) {
  return std::find(o.baselines.begin(), o.baselines.end(), b) != o.baselines.end();
}

/// Linear evaluation (docs/evaluation.md): 90 epochs of augmented images through the frozen
/// encoder. Saved after every epoch, so that --resume can go on.
class linear_evaluation {
 public:
  /// What lies in `state` is looked at before anything is measured: it may be refused.
  linear_evaluation(frozen_run<eval_options>& subject, const eval_options& options,
                    std::filesystem::path state, progress& bar)
      : options_(options), run_(subject.source), images_(subject.images), encoder_(subject.encoder),
        pool_(subject.pool), directory_(std::move(state)),
        checksums_(subject.data.identity.train.xxh64 + ", " + subject.data.identity.test.xxh64),
        size_(view_size(run_.options)), per_epoch_(images_.train.size() / options_.batch),
        probe_(encoder_.architecture().encoder.out(), images_.test.classes,
               {.steps = eval::probe_steps(images_.train.size(), options_.batch, options_.epochs),
                .learning_rate = options_.lr},
               options_.seed) {
    if (const auto warning = eval::probe_warning(options_.epochs * per_epoch_); !warning.empty()) {
      bar.note("warning: " + warning);
    }
    io::make_directories(directory_);
    owned_.emplace(directory_);
    auto& owned = *owned_;
    if (!io::lock_directory(owned.in(), LOCK_EX)) {
      throw error::busy("another process is at the linear evaluation in " + directory_.string() +
                        "; wait until it ends");
    }
    owned.clear_leftovers();
    if (options_.resume) {
      restore(bar);
    } else {
      owned.remove_all();
      refuse_unlisted();
    }
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
                                static_cast<std::size_t>(test.dim));
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

  /// How the classifier of the last epoch judges.
  [[nodiscard]] eval::confusion_matrix confusion(const eval::feature_set& test) const {
    return probe_.evaluate(test, pool_);
  }

 private:
  /// What a saved state must agree with. The encoder's mark stands for every bit of it.
  [[nodiscard]] std::string identity() const {
    return run_.mark + " on " + images_.train.name + " " + std::to_string(images_.train.size()) +
           " (" + checksums_ + "), epochs " + std::to_string(options_.epochs) + ", batch " +
           std::to_string(options_.batch) + ", lr " + io::number_text(options_.lr) + ", seed " +
           std::to_string(options_.seed);
  }

  void save() {
    const auto& p = probe_.state_progress();
    std::vector<io::tensor_source> tensors;
    for (const auto& t : probe_.state_tensors()) {
      tensors.push_back(io::tensor_of<float>(
          std::string(t.name), {static_cast<std::int64_t>(t.values.size())}, t.values));
    }
    std::map<std::string, std::string> extra{{"best_epoch", std::to_string(p.best_epoch)}};
    const auto note = [&](const std::string& key, const eval::accuracy& a) {
      extra[key + ".top1"] = io::number_text(a.top1);
      extra[key + ".top5"] = io::number_text(a.top5);
      if (a.mean_per_class) extra[key + ".mean_per_class"] = io::number_text(*a.mean_per_class);
    };
    note("last", p.last);
    note("best", p.best);
    io::save_checkpoint(directory_, {p.step, p.epochs, identity_, std::move(extra)},
                        {{"probe", std::move(tensors)}});
  }

  void refuse_unlisted() const {
    if (!io::newest_checkpoint(directory_)) return;
    throw error::usage("the linear evaluation in " + directory_.string() + " is in no list (" +
                       io::marker_name +
                       ") of what was written there; continue it with --resume, or move it away");
  }

  void restore(progress& bar) {
    const auto newest = io::newest_checkpoint(directory_);
    if (!newest) return;
    const auto saved = io::load_checkpoint(*newest);
    const std::string advice = "; remove " + directory_.string() + " to begin anew";
    if (saved.note.config != identity_) {
      throw error::checkpoint("the linear evaluation in " + directory_.string() + " is another: " +
                              saved.note.config + " where " + identity_ + " is asked for" + advice);
    }
    const auto damaged = [&](const std::string& field) {
      return error::checkpoint("the linear evaluation " + saved.path.string() +
                               " has no proper \"" + field + "\" in MANIFEST.json" + advice);
    };
    const auto number = [&]<class Number>(const char* key, Number low, Number high) {
      const auto found = saved.note.extra.find(key);
      const auto value =
          found == saved.note.extra.end() ? std::nullopt : io::number_in<Number>(found->second);
      if (!value || *value < low || *value > high) throw damaged(key);
      return *value;
    };
    const auto accuracy = [&](const std::string& key) {
      const std::string per_class = key + ".mean_per_class";
      eval::accuracy a{number((key + ".top1").c_str(), 0.0, eval::most_percent),
                       number((key + ".top5").c_str(), 0.0, eval::most_percent)};
      if (saved.note.extra.contains(per_class)) {  // older versions did not keep it
        a.mean_per_class = number(per_class.c_str(), 0.0, eval::most_percent);
      }
      return a;
    };
    eval::linear_probe::progress p;
    if (saved.note.epoch < 1 || saved.note.epoch > options_.epochs) throw damaged("epoch");
    p.epochs = static_cast<int>(saved.note.epoch);
    p.step = saved.note.step;
    if (p.step != p.epochs * per_epoch_) throw damaged("step");
    p.best_epoch = number("best_epoch", 1, p.epochs);
    p.last = accuracy("last");
    p.best = accuracy("best");
    for (const auto& t : probe_.state_tensors()) saved.file("probe").copy_to(t.name, t.values);
    io::adopt_checkpoints(
        directory_, [this](const io::checkpoint_note& note) { return note.config == identity_; });
    probe_.state_progress() = p;
    bar.note("resuming the linear evaluation after epoch " + std::to_string(p.epochs));
  }

  const eval_options& options_;
  const encoder_source& run_;
  const data::split& images_;
  frozen_encoder& encoder_;
  thread_pool& pool_;
  std::filesystem::path directory_;
  std::optional<io::owned_names> owned_;  ///< holds the directory and its lock
  std::string checksums_;                 ///< of the images
  int size_;
  std::int64_t per_epoch_;
  eval::linear_probe probe_;
  std::string identity_ = identity();  // now: a run that still trains prunes its checkpoints
};

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

void print(const std::vector<judgment>& results) {
  table t({"features", "protocol", "top-1 %", "95 %", "per class %", "top-5 %", ""});
  for (const auto& r : results) {
    const auto& within = r.top1_interval;
    const auto& per_class = r.accuracy.mean_per_class;
    t.add({r.features, r.protocol, fixed(r.accuracy.top1, 2),
           within ? fixed(within->low, 1) + "-" + fixed(within->high, 1) : "-",
           per_class ? fixed(*per_class, 2) : "-", fixed(r.accuracy.top5, 2), r.note});
  }
  std::cout << t;
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

}  // namespace

std::string to_json(const evaluation& e) {
  std::string text = "{\n  \"checkpoint\": " + io::json_string(e.checkpoint) +
                     ",\n  \"data\": " + io::json_string(e.data) +
                     ",\n  \"train_images\": " + std::to_string(e.train_images) +
                     ",\n  \"test_images\": " + std::to_string(e.test_images) +
                     ",\n  \"results\": [";
  for (const auto& r : e.results) {
    text += (text.back() == '[' ? "\n    " : ",\n    ") + std::string("{\"features\": ") +
            io::json_string(r.features) + ", \"protocol\": " + io::json_string(r.protocol) +
            ", \"top1\": " + io::number_text(r.accuracy.top1);
    if (r.top1_interval) {
      text += ", \"top1_low\": " + io::number_text(r.top1_interval->low) +
              ", \"top1_high\": " + io::number_text(r.top1_interval->high);
    }
    if (r.accuracy.mean_per_class) {
      text += ", \"mean_per_class\": " + io::number_text(*r.accuracy.mean_per_class);
    }
    if (r.label_fraction) text += ", \"label_fraction\": " + io::number_text(*r.label_fraction);
    text += ", \"top5\": " + io::number_text(r.accuracy.top5) +
            ", \"note\": " + io::json_string(r.note) + "}";
  }
  return text + "\n  ]\n}\n";
}

evaluation read_evaluation(const std::filesystem::path& path, const std::string& advice) {
  const auto contents = io::read_file(path);
  const auto json = io::parse_json_object(contents.text(), path.string(), advice);
  const io::json_fields all(json, path.string(), advice);
  evaluation e{.run = {},
               .checkpoint = all.text("checkpoint"),
               .data = all.text("data"),
               .train_images = all.count("train_images"),
               .test_images = all.count("test_images"),
               .results = {},
               .failures = {}};
  constexpr double most = eval::most_percent;
  for (const auto& one : all.array("results")) {
    const io::json_fields result(one, path.string() + ", results", advice);
    judgment read{result.text("features"),
                  result.text("protocol"),
                  {result.number("top1", 0, most), result.number("top5", 0, most),
                   result.measured("mean_per_class", 0, most)},
                  result.text("note")};
    const auto low = result.measured("top1_low", 0, most);
    const auto high = result.measured("top1_high", 0, most);
    if (low && high) read.top1_interval = {*low, *high};
    read.label_fraction = result.measured("label_fraction", 0, 1);
    e.results.push_back(std::move(read));
  }
  return e;
}

std::optional<evaluation> judge(const eval_options& asked, const std::filesystem::path& state) {
  frozen_run subject(asked);
  auto& learned_from = subject.data.images.train;
  learned_from.labels.resize(static_cast<std::size_t>(learned_from.labeled()));
  eval_options options = subject.options;
  const encoder_source& run = subject.source;
  const data::split& images = subject.images;
  thread_pool& pool = subject.pool;
  progress bar(options.quiet);
  for (const auto& one : subject.notices) bar.note(one);
  if (options.same_images) subject.refuse_other_images();
  if (images.test.size() == 0) {
    throw no_test_images(images.test, "give some, or take the features alone: triptych embed " +
                                          shell_word(asked.run) +
                                          " --split train --out features.safetensors");
  }
  const std::filesystem::path where =
      options.out.empty() ? run.directory : std::filesystem::path(options.out);
  if (options.trained && state.empty()) {
    io::make_directories(where);
    own_result(where, options);
  }
  const int size = view_size(run.options);
  const bool by_linear = options.trained && asks_for(options, choice::protocol::linear);
  const bool by_logistic = asks_for(options, choice::protocol::logistic);
  const bool by_knn = asks_for(options, choice::protocol::knn);
  std::string smaller;
  if (options.batch > images.train.size()) {
    options.batch = static_cast<int>(images.train.size());
    smaller = ", batch " + std::to_string(options.batch);
  }

  evaluation e{where,
               run.path.string(),
               images.train.name,
               images.train.size(),
               images.test.size(),
               {},
               {},
               subject.data.identity.class_names,
               {}};
  for (const double share : options.label_fraction) {
    e.draws.push_back(
        {share, eval::draw_labels(images.train.labels, images.train.classes, share, options.seed)});
  }
  std::optional<linear_evaluation> linear;
  if (by_linear) {
    linear.emplace(subject, options, state.empty() ? where / "eval" / "linear" : state, bar);
  }
  // What cannot be measured does not keep the rest from being measured.
  const auto attempt = [&](const std::string& what, const auto& measure) {
    try {
      measure();
    } catch (const std::exception& failure) {
      const error known = as_error(failure, less_memory(options));
      if (!state.empty() || known.kind() == error_kind::io) throw;
      e.failures.emplace_back(known.kind(), what + " was not measured: " + known.what());
      bar.note("warning: " + std::string(e.failures.back().what()));
    }
  };
  const auto by_neighbors = [&](const std::string& name, const auto& train, const auto& test_rows) {
    const auto show = [&](std::int64_t done, std::int64_t total) {
      if (!bar.due()) return;
      bar.update("kNN  " + name + "  " + std::to_string(100 * done / total) + " %");
    };
    e.results.push_back(
        judged(name, choice::protocol::knn, eval::knn(train, test_rows, {}, pool, show), ""));
  };
  const auto measure_by = [&](const std::string& name, const eval::feature_set& train,
                              const eval::feature_set& test, bool use_logistic, bool use_knn) {
    if (use_logistic) {
      attempt(name + ", logistic",
              [&] { e.results.push_back(logistic(name, train, test, pool, bar)); });
    }
    if (use_knn) {
      attempt(name + ", kNN", [&] { by_neighbors(name, train, test); });
    }
  };
  // By all labels, then by each share of them.
  const auto measure = [&](const std::string& name, const eval::feature_set& train,
                           const eval::feature_set& test, bool use_logistic, bool use_knn) {
    measure_by(name, train, test, use_logistic, use_knn);
    for (const auto& draw : e.draws) {
      const std::size_t first = e.results.size();
      measure_by(name, eval::chosen_rows(train, draw.images), test, use_logistic, use_knn);
      for (std::size_t i = first; i < e.results.size(); ++i) {
        auto& r = e.results[i];
        r.label_fraction = draw.fraction;
        r.note = share_text(draw) + (r.note.empty() ? "" : ", " + r.note);
      }
    }
  };

  eval::feature_set test;
  if (options.trained) {
    bar.update("encoding " + std::to_string(images.train.size() + images.test.size()) + " images");
    test = eval::encode(subject.encoder, images.test, size, pool);
    if (by_logistic || by_knn) {
      measure("trained", eval::encode(subject.encoder, images.train, size, pool), test, by_logistic,
              by_knn);
    }
  }
  if (asks_for(options, choice::baseline::untrained)) {
    attempt("untrained", [&] {
      frozen_encoder untrained = make_encoder(subject.backend, run.options);
      untrained.initialize(run.options.seed);
      bar.update("encoding with the untrained encoder");
      measure("untrained", eval::encode(untrained, images.train, size, pool),
              eval::encode(untrained, images.test, size, pool), by_logistic || !by_knn, by_knn);
    });
  }
  if (asks_for(options, choice::baseline::pixels)) {
    attempt("raw pixels, kNN", [&] {
      by_neighbors("raw pixels", eval::pixel_rows(images.train, size, pool),
                   eval::pixel_rows(images.test, size, pool));
    });
  }

  if (linear) {
    std::optional<eval::linear_probe::progress> done;
    bool stopped = false;
    attempt("trained, linear", [&] {
      signals::install();  // from here on there is something to continue
      done = linear->run(test, bar);
      stopped = !done;
    });
    if (stopped) return std::nullopt;
    if (done) {
      const auto total = static_cast<double>(test.size);
      const auto best_hits = std::llround(done->best.top1 / 100 * total);
      e.results.insert(
          e.results.begin(),
          {judged("trained", choice::protocol::linear, linear->confusion(test),
                  "epoch " + std::to_string(done->epochs) + smaller),
           {"trained", std::string(best_epoch_name), done->best,
            "epoch " + std::to_string(done->best_epoch),
            eval::wilson_interval(std::clamp<std::int64_t>(best_hits, 0, test.size), test.size)}});
    }
  }
  if (e.results.empty() && !e.failures.empty()) throw e.failures.front();
  return e;
}

int evaluate(const eval_options& options) {
  const auto done = judge(options);
  if (!done) {
    progress(options.quiet)
        .note("stopped by a signal; the same command with --resume goes on from here");
    return 128 + signals::stop_requested();
  }
  const auto file = done->run / "eval.json";
  write_files(done->run / "eval", *done);
  io::replace_file(file, to_json(*done));
  if (options.json) {
    std::cout << to_json(*done);
  } else {
    print(done->results);
    std::cout << "\nwritten to " << io::printable(file.string()) << "\n";
  }
  if (!done->failures.empty()) throw done->failures.front();
  return 0;
}

}  // namespace triptych::app
