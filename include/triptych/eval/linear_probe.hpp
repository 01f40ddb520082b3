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

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include <triptych/core/cosine_decay.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/update/optimizer/lars.hpp>

namespace triptych::eval {

struct probe_options {
  std::int64_t steps = 0;        ///< in the whole training: the length of the cosine
  double learning_rate = 0.8;    ///< at the first step
  float initial_weight = 0.01f;  ///< standard deviation
  update::optimizer::lars lars{};
};

/// Steps in `epochs` epochs of batches of `batch` rows out of `size`, the incomplete last batch
/// dropped; a set smaller than one batch is one batch.
inline std::int64_t probe_steps(std::int64_t size, std::int64_t batch, std::int64_t epochs) {
  return epochs * std::max<std::int64_t>(1, size / batch);
}

/// What to tell the user when LARS has too few steps to get anywhere; empty when it has enough.
inline std::string probe_warning(std::int64_t steps) {
  if (steps >= 10000) return {};
  return "linear probe: " + std::to_string(steps) +
         " steps are few for LARS, which moves the weights by at most 0.8 % of their norm a step "
         "and needs about 10,000; go by the logistic regression, or train for more epochs.";
}

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

  linear_probe(int dim, int classes, const probe_options& options, std::uint64_t seed)
      : dim_(dim), classes_(classes), options_(options) {
    if (dim < 1 || classes < 1 || options.steps < 1 || !(options.learning_rate > 0)) {
      throw error::usage("linear probe: features (" + std::to_string(dim) + "), classes (" +
                         std::to_string(classes) + "), steps (" + std::to_string(options.steps) +
                         ") and learning rate (" + std::to_string(options.learning_rate) +
                         ") must be positive; correct the one that is not");
    }
    const auto outputs = static_cast<std::size_t>(classes);
    weight_.resize(outputs * static_cast<std::size_t>(dim));
    weight_momentum_.resize(weight_.size());
    bias_.resize(outputs);
    bias_momentum_.resize(outputs);
    random_stream random(seed, stream::evaluate);
    for (float& w : weight_) w = options.initial_weight * random.normal();
  }

  /// One step on `features`, (B, D) row-major, with their `labels`, (B). Returns the mean
  /// cross-entropy before the step. Throws error::non_finite, the state untouched, if it is not
  /// finite, and error::usage past the last step.
  float step(std::span<const float> features, std::span<const std::int32_t> labels) {
    require_batch(features, labels);
    const auto batch = static_cast<Eigen::Index>(labels.size());
    const Eigen::Map<const Eigen::MatrixXf> x(features.data(), dim_, batch);
    Eigen::MatrixXf scores = scores_of(x);  // C x B, then its gradient
    double loss = 0;
    for (Eigen::Index i = 0; i < batch; ++i) {
      auto row = scores.col(i);
      const auto label = labels[static_cast<std::size_t>(i)];
      const float highest = row.maxCoeff(), own = row[label];
      float sum = 0;
      for (float& s : row) sum += s = std::exp(s - highest);
      loss += static_cast<double>(std::log(sum) + highest - own);
      row /= sum * static_cast<float>(batch);
      row[label] -= 1.0f / static_cast<float>(batch);
    }
    const auto mean_loss = static_cast<float>(loss / static_cast<double>(batch));
    if (!std::isfinite(mean_loss)) {
      throw error::non_finite("linear probe: the loss at step " + std::to_string(progress_.step) +
                              " is not finite; lower the learning rate or check the features");
    }
    const Eigen::MatrixXf weight_gradient = x * scores.transpose();  // D x C
    const Eigen::VectorXf bias_gradient = scores.rowwise().sum();
    const double lr = cosine_decay(options_.learning_rate, progress_.step, options_.steps);
    descend(weight_, weight_momentum_, weight_gradient, lr);
    descend(bias_, bias_momentum_, bias_gradient, lr);
    ++progress_.step;
    return mean_loss;
  }

  /// Evaluates on the features of the plain test images, and notes last and best epoch.
  accuracy end_epoch(const feature_set& test, thread_pool& pool) {
    progress_.last = evaluate(test, pool);
    ++progress_.epochs;
    if (progress_.epochs == 1 || progress_.last.top1 > progress_.best.top1) {
      progress_.best = progress_.last;
      progress_.best_epoch = progress_.epochs;
    }
    return progress_.last;
  }

  /// Accuracy on `set`; the same for any number of threads.
  [[nodiscard]] accuracy evaluate(const feature_set& set, thread_pool& pool) const {
    check(set, "test features");
    if (set.dim != dim_ || set.classes != classes_) {
      throw error::usage("linear probe: made for " + std::to_string(dim_) + " features in " +
                         std::to_string(classes_) + " classes, given " + std::to_string(set.dim) +
                         " in " + std::to_string(set.classes) +
                         "; evaluate features of the same encoder and data set");
    }
    constexpr std::int64_t block = 256;
    std::vector<hit_count> hits(static_cast<std::size_t>((set.size + block - 1) / block));
    pool.run(static_cast<std::int64_t>(hits.size()), [&](std::int64_t b) {
      const std::int64_t first = b * block, count = std::min(block, set.size - first);
      const Eigen::MatrixXf scores =
          scores_of(Eigen::Map<const Eigen::MatrixXf>(set.row(first), dim_, count));
      for (std::int64_t i = 0; i < count; ++i) {
        hits[static_cast<std::size_t>(b)].add(scores.data() + i * classes_, classes_,
                                              set.labels[static_cast<std::size_t>(first + i)]);
      }
    });
    hit_count total;
    for (const hit_count& h : hits) total += h;
    return total.percent();
  }

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
  void require_batch(std::span<const float> features, std::span<const std::int32_t> labels) const {
    if (progress_.step >= options_.steps) {
      throw error::usage("linear probe: all " + std::to_string(options_.steps) +
                         " steps are done; make a probe with more steps");
    }
    if (labels.empty() || features.size() != labels.size() * static_cast<std::size_t>(dim_)) {
      throw error::usage("linear probe: " + std::to_string(features.size()) + " features and " +
                         std::to_string(labels.size()) + " labels are not a batch of " +
                         std::to_string(dim_) + " features a row; pass (B, D) and B labels");
    }
    for (const std::int32_t label : labels) {
      if (label < 0 || label >= classes_) {
        throw error::data("linear probe: label " + std::to_string(label) + " is outside 0 to " +
                          std::to_string(classes_ - 1) + "; check the number of classes");
      }
    }
  }

  /// W x + b for each column: (D, B) to (C, B).
  template <class Columns>
  [[nodiscard]] Eigen::MatrixXf scores_of(const Columns& x) const {
    const Eigen::Map<const Eigen::MatrixXf> weight(weight_.data(), dim_, classes_);
    const Eigen::Map<const Eigen::VectorXf> bias(bias_.data(), classes_);
    Eigen::MatrixXf scores = weight.transpose() * x;
    scores.colwise() += bias;
    return scores;
  }

  template <class Gradient>
  void descend(std::vector<float>& tensor, std::vector<float>& momentum, const Gradient& gradient,
               double lr) const {
    options_.lars.step(std::span<float>(tensor), std::span<float>(momentum),
                       std::span<const float>(gradient.data(), tensor.size()), lr);
  }

  int dim_, classes_;
  probe_options options_;
  std::vector<float> weight_, weight_momentum_;  // (C, D) row-major
  std::vector<float> bias_, bias_momentum_;      // (C)
  progress progress_;
};

}  // namespace triptych::eval
