// triptych/eval/fine_tuner.hpp
//
// A trained encoder with a new linear classifier, the head, on top, all weights of which learn from
// labels. The caller brings augmented images batch by batch and says when an epoch ends; the best
// epoch by held-out images is kept.
//
//   x (N, H, W, 3) -> encoder -> h (N, D) -> head, W h + b -> scores (N, C)
//   L = - mean over n of log softmax(scores_n)[label_n]
//
// C classes. SGD with momentum, the rates of encoder (backbone) and head fall along a cosine to 0;
// BatchNorm takes the batch's statistics. The head starts as the linear probe does: weights
// N(0, 0.01), bias 0. Cost of a step: 3 encoder forwards an image.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/cosine_decay.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/eval/classify.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/loss/soft_cross_entropy.hpp>
#include <triptych/method/step.hpp>
#include <triptych/network/network.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/nn/mlp.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/backprop.hpp>
#include <triptych/update/ema.hpp>
#include <triptych/update/optimizer/sgd.hpp>

namespace triptych::eval {

struct fine_tuner_options {
  std::int64_t steps = 0;       ///< in the whole training: the length of the cosine
  double backbone_rate = 0.02;  ///< of the encoder, at the first step; 0: its weights rest
  double head_rate = 0.2;
  float initial_weight = 0.01f;  ///< standard deviation, of the head
  update::optimizer::sgd optimizer{};
};

template <Backend B, class Encoder = nn::resnet>
class fine_tuner {
 public:
  using real = typename B::real;
  using architecture = nn::architecture<Encoder>;
  /// Encoder and head, and nothing that learns.
  using classifier = network<B, update::ema, patches::whole, architecture>;

  /// The rest of the state.
  struct progress {
    std::int64_t step = 0;      ///< steps taken
    int epochs = 0;             ///< that have ended
    int best_epoch = 0;         ///< from 1; the epoch before the first: 0
    double loss = 0;            ///< of the last step
    classification last, best;  ///< of the held-out images
    friend bool operator==(const progress&, const progress&) = default;
  };

  /// Begins with the weights and running statistics of the encoder of `trained`, which it copies.
  template <class Network>
  fine_tuner(Network& trained, int classes, const fine_tuner_options& options, std::uint64_t seed)
      : options_(checked(options, classes)),
        online_(trained.backend(), layers(trained.architecture().encoder, classes),
                {.optimizer = options.optimizer}),
        best_(trained.backend(), online_.architecture()) {
    copy_encoder(trained.weight_list(), trained.weights(), online_.weight_list(),
                 online_.weights());
    copy_encoder(trained.statistic_list(), trained.statistics(), online_.statistic_list(),
                 online_.statistics());
    initialize_head(seed);
    keep_as_best();
  }

  /// One step on `images` (N, size, size, 3), normalized, with their `labels` (N). Returns L before
  /// the step. Throws error::non_finite, naming the step, where L or its gradient is not finite: no
  /// weight has changed then, though running statistics may have. error::usage past the last step.
  double step(std::span<const float> images, int size, std::span<const std::int32_t> labels) {
    require_batch(images, size, labels);
    B& backend = online_.backend();
    const arena_frame scope(backend.arena());
    const auto n = static_cast<std::int64_t>(labels.size());
    const auto x = uploaded(backend, images, {n, size, size, 3});
    const auto scores = online_.forward(x, std::array{0}, {.record = true}).prediction;

    const auto wanted = one_hot(labels);
    const tensor<real> d{scores.shape, backend.arena().template take<real>(scores.size())};
    backend.fill(d.data, d.size(), real(0));
    real* const numbers = backend.arena().template take<real>(2);  // L and its gradient's norm
    loss::soft_cross_entropy{.temperature = 1}(backend, wanted, scores, 1.0, numbers, d.data);
    backend.close_gate_unless_finite(numbers, 1);
    online_.zero_gradients();
    online_.backward({.prediction = d});
    online_.update(rate(options_.backbone_rate), rate(options_.head_rate), progress_.step,
                   numbers + 1);

    std::array<real, 2> found{};
    backend.download(numbers, found.size(), found.data());
    if (!std::isfinite(found[0]) || !std::isfinite(found[1])) {
      backend.open_gate();
      throw error::non_finite("fine-tuning: the loss at step " +
                              std::to_string(progress_.step + 1) +
                              " or its gradient is not finite; lower the learning rate");
    }
    ++progress_.step;
    return progress_.loss = static_cast<double>(found[0]);
  }

  /// Ends an epoch: classifies the held-out images, and keeps the weights and running statistics if
  /// no epoch before had a better top-1, or as good a one with at most this loss.
  classification end_epoch(const data::image_set& held_out, int size, thread_pool& pool) {
    const classification found = classify(online_, held_out, size, pool);
    const bool first = progress_.epochs == 0;
    const auto& best = progress_.best;
    end_epoch(found, first || found.accuracy.top1 > best.accuracy.top1 ||
                         (found.accuracy.top1 == best.accuracy.top1 && found.loss < best.loss));
    return found;
  }
  /// The same where no images are held out: the last epoch is the best.
  void end_epoch() { end_epoch({}, true); }

  /// The best epoch on other images.
  [[nodiscard]] classification evaluate(const data::image_set& set, int size, thread_pool& pool) {
    return classify(best_, set, size, pool);
  }

  /// The best epoch's network; before the first one, that which training begins with.
  [[nodiscard]] classifier& best() { return best_; }

  /// The arrays that, with `state_progress`, are all of the state: save both, restore both into a
  /// tuner made with the same options, and training goes on bit for bit.
  [[nodiscard]] std::vector<method::named_arena<real>> arenas() {
    using method::arena_role;
    return {{"", &online_.weight_list(), online_.weights()},
            {"", &online_.statistic_list(), online_.statistics()},
            {"best.", &best_.weight_list(), best_.weights()},
            {"best.", &best_.statistic_list(), best_.statistics()},
            {std::string(update::optimizer::sgd::state.front()) + ".", &online_.weight_list(),
             online_.optimizer_state().front(), arena_role::optimizer}};
  }
  [[nodiscard]] progress& state_progress() { return progress_; }
  [[nodiscard]] const progress& state_progress() const { return progress_; }

 private:
  using learning = network<B, update::backprop<>, patches::whole, architecture>;

  static const fine_tuner_options& checked(const fine_tuner_options& o, int classes) {
    if (classes < 2) {
      throw error::usage("fine-tuning: " + std::to_string(classes) +
                         " classes leave nothing to learn; take images of at least two");
    }
    if (o.steps < 1) {
      throw error::usage("fine-tuning: " + std::to_string(o.steps) +
                         " steps are no training; give at least one");
    }
    const bool sound = o.backbone_rate >= 0 && o.head_rate >= 0 && std::isfinite(o.backbone_rate) &&
                       std::isfinite(o.head_rate);
    if (!sound || o.backbone_rate + o.head_rate == 0) {
      throw error::usage("fine-tuning: the learning rates of encoder and head are " +
                         std::to_string(o.backbone_rate) + " and " + std::to_string(o.head_rate) +
                         "; neither may be negative, nor both 0");
    }
    return o;
  }

  static architecture layers(const Encoder& encoder, int classes) {
    return architecture(encoder, nn::mlp(),
                        nn::mlp(encoder.out(), {{.out = classes, .norm = false, .relu = false}}));
  }

  void require_batch(std::span<const float> images, int size,
                     std::span<const std::int32_t> labels) const {
    if (progress_.step >= options_.steps) {
      throw error::usage("fine-tuning: all " + std::to_string(options_.steps) +
                         " steps are done; make a tuner with more steps");
    }
    if (size < 1 || labels.empty() ||
        images.size() != labels.size() * shape{1, size, size, 3}.size()) {
      throw error::usage("fine-tuning: " + std::to_string(images.size()) + " numbers and " +
                         std::to_string(labels.size()) + " labels are no batch of images of " +
                         std::to_string(size) + " pixels; pass (N, size, size, 3) and N labels");
    }
    const int classes = online_.architecture().predictor.out();
    for (const std::int32_t label : labels) {
      if (label < 0 || label >= classes) {
        throw error::data("fine-tuning: label " + std::to_string(label) + " is outside 0 to " +
                          std::to_string(classes - 1) + "; check the number of classes");
      }
    }
  }

  /// (N, C): 1 at the label, else 0.
  [[nodiscard]] tensor<const real> one_hot(std::span<const std::int32_t> labels) {
    const shape s =
        features(static_cast<std::int64_t>(labels.size()), online_.architecture().predictor.out());
    std::vector<real> rows(s.size(), real(0));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      rows[i * static_cast<std::size_t>(s.channels) + static_cast<std::size_t>(labels[i])] = 1;
    }
    real* const at = online_.backend().arena().template take<real>(rows.size());
    online_.backend().upload(rows.data(), rows.size(), at);
    return {s, at};
  }

  [[nodiscard]] double rate(double base) const {
    return cosine_decay(base, progress_.step, options_.steps);
  }

  /// Copies the encoder's tensors, by their names.
  void copy_encoder(const nn::parameter_list& from_list, const real* from,
                    const nn::parameter_list& to_list, real* to) {
    for (const auto& target : to_list) {
      if (!target.name.starts_with("encoder.")) continue;
      const nn::parameter* source = nullptr;
      for (const auto& p : from_list) {
        if (p.name == target.name && p.shape == target.shape) source = &p;
      }
      if (source == nullptr) {
        throw error::usage("fine-tuning: the trained network has no " + target.name +
                           " of this shape; build both from one encoder");
      }
      online_.backend().copy(from + source->offset, target.size(), to + target.offset);
    }
  }

  void initialize_head(std::uint64_t seed) {
    random_stream random(seed, stream::evaluate);
    for (const auto& p : online_.weight_list()) {
      if (p.offset < online_.predictor_begin()) continue;
      std::vector<real> values(p.size(), real(0));
      if (!p.is_vector()) {
        for (real& w : values) w = static_cast<real>(options_.initial_weight * random.normal());
      }
      online_.backend().upload(values.data(), values.size(), online_.weights() + p.offset);
    }
  }

  void end_epoch(const classification& found, bool better) {
    ++progress_.epochs;
    progress_.last = found;
    if (!better) return;
    progress_.best = found;
    progress_.best_epoch = progress_.epochs;
    keep_as_best();
  }

  void keep_as_best() {
    best_.copy_weights(online_);
    online_.backend().copy(online_.statistics(), online_.statistic_list().size(),
                           best_.statistics());
  }

  fine_tuner_options options_;
  learning online_;
  classifier best_;
  progress progress_;
};

template <class Network>
fine_tuner(Network&, int, const fine_tuner_options&, std::uint64_t)
    -> fine_tuner<typename Network::backend_type,
                  std::remove_cvref_t<decltype(std::declval<Network&>().architecture().encoder)>>;

}  // namespace triptych::eval
