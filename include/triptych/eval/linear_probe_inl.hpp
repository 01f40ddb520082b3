// triptych/eval/linear_probe_inl.hpp
//
// The bodies of linear_probe.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/cosine_decay.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/linear_probe.hpp>

namespace triptych::eval {

namespace detail {

/// W x + b for each column of x: (D, B) to (C, B).
inline Eigen::MatrixXf scores(const std::vector<float>& weight, const std::vector<float>& bias,
                              const Eigen::Map<const Eigen::MatrixXf>& x) {
  const auto classes = static_cast<Eigen::Index>(bias.size());
  const Eigen::Map<const Eigen::MatrixXf> w(weight.data(), x.rows(), classes);
  Eigen::MatrixXf result = w.transpose() * x;
  result.colwise() += Eigen::Map<const Eigen::VectorXf>(bias.data(), classes);
  return result;
}

}  // namespace detail

TRIPTYCH_INLINE std::int64_t probe_steps(std::int64_t size, std::int64_t batch,
                                         std::int64_t epochs) {
  return epochs * std::max<std::int64_t>(1, size / batch);
}

TRIPTYCH_INLINE std::string probe_warning(std::int64_t steps) {
  if (steps >= 10000) return {};
  return "linear probe: " + std::to_string(steps) +
         " steps are few for LARS, which moves the weights by at most 0.8 % of their norm a step "
         "and needs about 10,000; go by the logistic regression, or train for more epochs.";
}

TRIPTYCH_INLINE linear_probe::linear_probe(int dim, int classes, const probe_options& options,
                                           std::uint64_t seed)
    : dim_(dim), classes_(classes), options_(options) {
  if (dim < 1 || classes < 1 || options.steps < 1 || !(options.learning_rate > 0)) {
    throw error::usage("linear probe: features (" + std::to_string(dim) + "), classes (" +
                       std::to_string(classes) + "), steps (" + std::to_string(options.steps) +
                       ") and learning rate (" + std::to_string(options.learning_rate) +
                       ") must be positive; correct the one that is not");
  }
  fix_eigen_blocking();
  const auto outputs = static_cast<std::size_t>(classes);
  weight_.resize(outputs * static_cast<std::size_t>(dim));
  weight_momentum_.resize(weight_.size());
  bias_.resize(outputs);
  bias_momentum_.resize(outputs);
  random_stream random(seed, stream::evaluate);
  for (float& w : weight_) w = options.initial_weight * random.normal();
}

TRIPTYCH_INLINE float linear_probe::step(std::span<const float> features,
                                         std::span<const std::int32_t> labels) {
  require_batch(features, labels);
  const auto batch = static_cast<Eigen::Index>(labels.size());
  const Eigen::Map<const Eigen::MatrixXf> x(features.data(), dim_, batch);
  Eigen::MatrixXf scores = detail::scores(weight_, bias_, x);  // C x B, then its gradient
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
  descend(weight_, weight_momentum_, weight_gradient.data(), lr);
  descend(bias_, bias_momentum_, bias_gradient.data(), lr);
  ++progress_.step;
  return mean_loss;
}

TRIPTYCH_INLINE accuracy linear_probe::end_epoch(const feature_set& test, thread_pool& pool) {
  progress_.last = evaluate(test, pool).percent();
  ++progress_.epochs;
  if (progress_.epochs == 1 || progress_.last.top1 > progress_.best.top1) {
    progress_.best = progress_.last;
    progress_.best_epoch = progress_.epochs;
  }
  return progress_.last;
}

TRIPTYCH_INLINE confusion_matrix linear_probe::evaluate(const feature_set& set,
                                                        thread_pool& pool) const {
  check(set, "test features");
  if (set.dim != dim_ || set.classes != classes_) {
    throw error::usage("linear probe: made for " + std::to_string(dim_) + " features in " +
                       std::to_string(classes_) + " classes, given " + std::to_string(set.dim) +
                       " in " + std::to_string(set.classes) +
                       "; evaluate features of the same encoder and data set");
  }
  constexpr std::int64_t block = 256;
  std::vector<ranking> rows(static_cast<std::size_t>(set.size));
  pool.run((set.size + block - 1) / block, [&](std::int64_t b) {
    const std::int64_t first = b * block, count = std::min(block, set.size - first);
    const Eigen::MatrixXf scores = detail::scores(weight_, bias_, {set.row(first), dim_, count});
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::size_t>(first + i);
      rows[row] = rank(scores.data() + i * classes_, classes_, set.labels[row]);
    }
  });
  confusion_matrix found(classes_);
  for (std::size_t i = 0; i < rows.size(); ++i) found.add(rows[i], set.labels[i]);
  return found;
}

TRIPTYCH_INLINE void linear_probe::require_batch(std::span<const float> features,
                                                 std::span<const std::int32_t> labels) const {
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

TRIPTYCH_INLINE void linear_probe::descend(std::vector<float>& tensor, std::vector<float>& momentum,
                                           const float* gradient, double lr) const {
  options_.lars.step(std::span<float>(tensor), std::span<float>(momentum),
                     std::span<const float>(gradient, tensor.size()), lr);
}

}  // namespace triptych::eval
