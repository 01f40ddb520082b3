// triptych/train/trainer.hpp
//
// The training loop of any method, one step at a time:
//
//   while (!trainer.done()) { step_record r = trainer.advance(); ... }
//
// A step is a function of (seed, step): batches, augmentation and learning rate are found from its
// number, so a trainer that continues at a step does what one that arrived there does. The monitors
// (monitor.hpp) look at the step through method::trace and take no part in training.
//
// On several ranks every one has a trainer with the same options, makes its part of every batch and
// calls the same functions in the same order; what they return is the same on all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/comm/ranks.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/loader.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/step.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/train/batches.hpp>
#include <triptych/train/fitting_batch.hpp>
#include <triptych/train/monitor.hpp>
#include <triptych/train/queue_labels.hpp>
#include <triptych/train/schedule.hpp>
#include <triptych/train/watch.hpp>

namespace triptych::train {

struct trainer_options {
  std::vector<augment::recipe> recipes;  ///< one per view of the method
  int epochs = 200;
  int batch = 256;  ///< of all ranks together (comm/ranks.hpp)
  int image_size = 32;
  double learning_rate = 0.1;                           ///< the schedule's base
  std::vector<rate_change> learning_rate_changes = {};  ///< of it, by ascending step
  int warmup_epochs = 0;
  bool constant_learning_rate = false;
  bool constant_predictor_learning_rate = false;  ///< the predictor keeps the base
  std::uint64_t seed = 0;
  int monitor_every = 10;  ///< steps between looks of the monitors
  std::vector<monitor> monitors = standard_monitors();
  /// Steps between looks at what a backend that defers has computed; whoever needs it sooner calls
  /// trainer::report. A step that is not finite is noticed then. On other backends every step is
  /// read.
  int read_every = 1;
  /// On a backend that renders views: the images lie in its memory and views are made there. They
  /// are the loader's but for rounding (docs/design/0008).
  bool resident = true;
  /// Threads that make views ahead of the step: more than one where images are decoded as needed.
  int loader_threads = 1;
  /// On a backend that defers: the launches of a step are made as one graph. The same bits either
  /// way.
  bool graph = true;
};

/// Steps of an epoch over that set; the incomplete last batch is dropped. A batch that exceeds the
/// set throws error::usage.
inline std::int64_t steps_per_epoch(const trainer_options& options, const data::image_set& set) {
  const std::int64_t steps = set.size() / options.batch;
  if (steps < 1) {
    throw error::usage("the batch of " + std::to_string(options.batch) + " exceeds the " +
                       std::to_string(set.size()) +
                       " training images; lower `batch` or take more images");
  }
  return steps;
}

/// Steps of a whole run over that set.
inline std::int64_t total_steps(const trainer_options& options, const data::image_set& set) {
  return options.epochs * steps_per_epoch(options, set);
}

struct step_record {
  std::int64_t step = 0;       ///< steps done, this one included
  std::int64_t epoch = 0;      ///< epochs done before this step
  method::step_report report;  ///< of the last step that was read
  double learning_rate = 0;
  /// What the monitors saw, in the order of columns_of(monitors); empty where they have not looked.
  monitor_values monitors;
};

template <class B, class Architecture = nn::architecture<>>
class trainer {
 public:
  using method_type = method::learner<B, Architecture>;
  using real = typename B::real;

  /// `first` steps have been done already. The set must outlive the trainer.
  trainer(method_type& method, const data::image_set& set, trainer_options options,
          std::int64_t first = 0)
      : method_(&method), options_(checked(std::move(options), method.about(), set)), step_(first),
        batches_(method.backend(), set,
                 {.recipes = options_.recipes,
                  .batch_size = options_.batch,
                  .image_size = options_.image_size,
                  .seed = options_.seed,
                  .threads = options_.loader_threads,
                  .part = {ranks::own(method.backend()), ranks::count(method.backend())}},
                 options_.resident, first),
        schedule_{options_.learning_rate, steps(), options_.warmup_epochs * steps_per_epoch(),
                  options_.constant_learning_rate, options_.learning_rate_changes},
        watch_(method.backend(), options_.monitors), labels_(method.kept_queue()) {}

  [[nodiscard]] std::int64_t steps_per_epoch() const { return batches_.steps_per_epoch(); }
  [[nodiscard]] std::int64_t steps() const { return options_.epochs * steps_per_epoch(); }
  [[nodiscard]] std::int64_t step() const { return step_; }
  [[nodiscard]] std::int64_t epoch() const { return step_ / steps_per_epoch(); }
  [[nodiscard]] bool done() const { return step_ >= steps(); }
  [[nodiscard]] const trainer_options& options() const { return options_; }

  /// One step. `watch` sees what the monitors see; they share the trace. Throws
  /// error::non_finite, naming step and tensor, or error::memory, saying what batch would fit; both
  /// before any weight has changed. The step named is that of `step() + 1`. Throws error::usage
  /// where a monitor gives another number of values than it has columns; the step is done then.
  step_record advance(const method::trace<real>& watch = {}) {
    try {
      return take_step(watch);
    } catch (const error& e) {
      if (e.kind() != error_kind::memory || ranks::count(method_->backend()) > 1) throw;
      report();  // steps before this one that were not finite matter more
      const shape one{1, options_.image_size, options_.image_size, 3};
      throw error::memory(e.what() +
                          to_advice(find_fitting_batch(*method_, one, options_.batch, planned())));
    }
  }

  /// What the last step did; throws as `advance`.
  const method::step_report& report() {
    if (unread_ == 0) return report_;
    const std::int64_t first = step_ - std::exchange(unread_, 0);
    const method::step_status found = method_->synchronize();
    if (!found.finite) repeat(first + found.finite_steps);
    return report_ = found.last;
  }

  /// Labels of the queue's rows, -1 where unknown: part of a checkpoint, for the log alone.
  [[nodiscard]] std::vector<std::int32_t>& queue_labels() { return labels_.rows(); }

 private:
  /// The options, or error::usage where a run with them is impossible.
  static trainer_options checked(trainer_options options, const method::traits& about,
                                 const data::image_set& set) {
    if (options.recipes.size() != static_cast<std::size_t>(about.views)) {
      throw error::usage("the method takes " + std::to_string(about.views) +
                         " views and there are " + std::to_string(options.recipes.size()) +
                         " augmentation recipes; give one recipe per view");
    }
    if (options.read_every < 1) throw error::usage("read_every must be at least 1; give 1 or more");
    if (options.batch < 2) {
      throw error::usage("a batch of " + std::to_string(options.batch) +
                         " image cannot be normalized or contrasted; give `batch` 2 or more");
    }
    static_cast<void>(train::steps_per_epoch(options, set));  // throws where there is none
    return options;
  }

  /// What the schedule decides for the next step.
  [[nodiscard]] method::step_options planned() const {
    const double rate = schedule_(step_);
    return {step_, rate,
            options_.constant_predictor_learning_rate ? schedule_.base_at(step_) : rate,
            options_.seed};
  }

  /// Step number `step` was not finite and no weight has moved since: the same step again, which
  /// says what it was.
  [[noreturn]] void repeat(std::int64_t step) {
    step_ = step;
    batches_.go_to(step);
    const arena_frame scope(method_->backend().arena());
    method_->step(batches_.views(batches_.next()), planned());
    throw error::non_finite("step " + std::to_string(step + 1) +
                            " was not finite, and was when it was repeated; resume from the last "
                            "checkpoint, and check the device if it happens again");
  }

  step_record take_step(const method::trace<real>& also) {
    const data::batch& batch = batches_.next();
    const bool look = options_.monitor_every > 0 && (step_ + 1) % options_.monitor_every == 0;
    const bool watched = also.on_tensor || also.on_indices;
    const bool first = !begun_;
    step_record r;
    r.learning_rate = planned().learning_rate;
    r.epoch = epoch();
    launch(batch, look ? watch_.trace(also) : also,
           B::defers && options_.graph && !(first || look || watched));
    begun_ = true;
    r.step = ++step_;
    if (B::defers) {
      ++unread_;
      if (first || look || watched || step_ % options_.read_every == 0) report();
    }
    r.report = report_;
    const std::int64_t pushed = method_->pushed_rows(options_.batch);
    if (look) r.monitors = watch_.examine(batch.labels, labels_.before(pushed));
    labels_.push(pushed, batch.labels);
    return r;
  }

  /// The next step, which is read at once where that means no waiting; what it holds of the arena
  /// it has given back.
  void launch(const data::batch& batch, const method::trace<real>& trace, bool graph) {
    auto& backend = method_->backend();
    const arena_frame scope(backend.arena());
    const auto x = batches_.views(batch);
    method::step_options plan = planned();
    plan.read = !B::defers;
    const auto step = [&] {
      const auto report = method_->step(x, plan, trace);
      if (plan.read) report_ = report;
    };
    if (!graph) return step();
    const auto counters = method_->counters();
    try {
      backend.as_graph(step);
    } catch (...) {
      method_->restore_counters(counters);  // it was not launched
      throw;
    }
  }

  method_type* method_;
  trainer_options options_;
  std::int64_t step_;
  method::step_report report_;  ///< of the last step that was read
  std::int64_t unread_ = 0;     ///< steps since
  bool begun_ = false;          ///< the first step is read at once, and libraries make ready in it
  batches<B> batches_;
  schedule schedule_;
  watch<B> watch_;
  train::queue_labels<B> labels_;
};

}  // namespace triptych::train
