// triptych/eval/linear_probe.hpp
//
// Linear evaluation: a softmax classifier on frozen features, trained by LARS with a cosine
// learning rate. The caller encodes freshly augmented images, batch by batch, and hands the
// features over; the probe knows neither encoder nor images.
//
// B rows of a batch, D features, C classes.
// Source: docs/method.md, "Evaluation": weights N(0, 0.01), bias 0, batch 256, 90 epochs, learning
// rate 0.8 -> 0, LARS with momentum 0.9 and eta 0.001.
// Cost: 4 B D C operations a step, on the calling thread; the encoder's forward pass dwarfs it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/update/optimizer/lars.hpp>

namespace triptych::eval {

struct probe_options {
  std::int64_t steps = 0;        ///< in the whole training: the length of the cosine
  double learning_rate = 0.8;    ///< at the first step
  float initial_weight = 0.01f;  ///< standard deviation
  update::optimizer::lars lars{.weight_decay = 0};
};

/// Steps in `epochs` epochs of batches of `batch` rows out of `size`, the incomplete last batch
/// dropped; a set smaller than one batch is one batch.
std::int64_t probe_steps(std::int64_t size, std::int64_t batch, std::int64_t epochs);

/// What to tell the user when LARS has too few steps to get anywhere; empty when it has enough.
std::string probe_warning(std::int64_t steps);

class linear_probe {
 public:
  /// A tensor of the state, for a checkpoint to write and to read into.
  struct named_span {
    std::string_view name;
    std::span<float> values;
  };

  /// The rest of the state.
  struct progress {
    std::int64_t step = 0;  ///< steps taken
    int epochs = 0;         ///< evaluations made
    int best_epoch = 0;     ///< the first with the best top-1; from 1
    accuracy last{}, best{};
    friend bool operator==(const progress&, const progress&) = default;
  };

  linear_probe(int dim, int classes, const probe_options& options, std::uint64_t seed);

  /// One step on `features`, (B, D) row-major, with their `labels`, (B). Returns the mean
  /// cross-entropy before the step. Throws error::non_finite, the state untouched, if it is not
  /// finite, and error::usage past the last step.
  float step(std::span<const float> features, std::span<const std::int32_t> labels);

  /// Evaluates on the features of the plain test images, and notes last and best epoch.
  accuracy end_epoch(const feature_set& test, thread_pool& pool);

  /// How it judges `set`; the same for any number of threads.
  [[nodiscard]] confusion_matrix evaluate(const feature_set& set, thread_pool& pool) const;

  /// The tensors that, with `state_progress`, are all of the state: save both, restore both into a
  /// probe made with the same options, and training goes on bit for bit.
  [[nodiscard]] std::array<named_span, 4> state_tensors() {
    return {{{"weight", weight_},
             {"bias", bias_},
             {"weight_momentum", weight_momentum_},
             {"bias_momentum", bias_momentum_}}};
  }
  [[nodiscard]] progress& state_progress() { return progress_; }
  [[nodiscard]] const progress& state_progress() const { return progress_; }

 private:
  void require_batch(std::span<const float> features, std::span<const std::int32_t> labels) const;

  void descend(std::vector<float>& tensor, std::vector<float>& momentum, const float* gradient,
               double lr) const;

  int dim_, classes_;
  probe_options options_;
  std::vector<float> weight_, weight_momentum_;  // (C, D) row-major
  std::vector<float> bias_, bias_momentum_;      // (C)
  progress progress_;
};

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/linear_probe_inl.hpp>
#endif
