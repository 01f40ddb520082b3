// triptych/eval/softmax_objective_inl.hpp
//
// The bodies of softmax_objective.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/portable_math.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/softmax_objective.hpp>

namespace triptych::eval {

namespace detail {

using eight = Eigen::Array<double, 8, 1>;

/// e^x of eight numbers that are at most 0, within 2 units in the last place; below -708 that of
/// -708, which is nothing beside 1. portable_exp() a number at a time, with its divisions, would
/// take two fifths of a fit.
inline eight exp_of_eight(const eight& argument) {
  const eight x = argument.max(-708.0);
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, so that n times the first is exact. A
  // number as large as `shift` has no digits after the point, and n in its last bits.
  constexpr double shift = 0x1.8p52;
  const eight shifted = x * 1.4426950408889634074 + shift;
  const eight n = shifted - shift;
  const eight r = (x - n * 0x1.62e42fefp-1) - n * 0x1.473de6af278edp-34;
  eight sum = eight::Constant(1.0 / 6227020800.0);  // Taylor series to r^13 / 13!
  for (const double inverse_factorial :
       {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
        1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0, 1.0}) {
    sum = sum * r + inverse_factorial;
  }
  eight power;
  for (int i = 0; i < 8; ++i) {
    power[i] = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted[i]) + 1023) << 52);
  }
  return sum * power;
}

/// Turns one row of scores into the gradient of its loss, softmax minus one-hot; returns the
/// loss.
inline double softmax_loss(double* scores, int classes, std::int32_t label) {
  const double highest = *std::max_element(scores, scores + classes);
  const double own = scores[label] - highest;
  eight sums = eight::Zero();
  for (int c = 0; c < classes; c += 8) {
    const int count = std::min(8, classes - c);
    eight part = eight::Constant(-std::numeric_limits<double>::infinity());
    std::copy_n(scores + c, count, part.data());
    part = exp_of_eight(part - highest);
    sums += part;
    std::copy_n(part.data(), count, scores + c);
  }
  double sum = 0;
  for (int i = 0; i < 8; ++i) sum += sums[i];
  const double scale = 1 / sum;
  for (int c = 0; c < classes; ++c) scores[c] *= scale;
  scores[label] -= 1.0;
  return portable_log(sum) - own;
}

}  // namespace detail

TRIPTYCH_INLINE softmax_objective::softmax_objective(const feature_set& train, double l2,
                                                     thread_pool& pool)
    : train_(train), l2_(l2), pool_(pool) {
  fix_eigen_blocking();
}

TRIPTYCH_INLINE double softmax_objective::operator()(const Eigen::VectorXd& x,
                                                     Eigen::VectorXd& gradient) const {
  constexpr std::int64_t shards = 16;
  std::vector<Eigen::VectorXd> shard_gradients(shards);
  std::vector<double> shard_losses(shards);
  pool_.run(shards, [&](std::int64_t s) {
    const auto i = static_cast<std::size_t>(s);
    shard_gradients[i] = Eigen::VectorXd::Zero(parameters());
    shard_losses[i] =
        add_rows(train_.size * s / shards, train_.size * (s + 1) / shards, x, shard_gradients[i]);
  });
  double loss = 0;
  gradient.setZero();
  for (std::size_t s = 0; s < shards; ++s) {
    loss += shard_losses[s];
    gradient += shard_gradients[s];
  }
  const auto size = static_cast<double>(train_.size);
  const auto weights = x.head(static_cast<Eigen::Index>(train_.classes) * train_.dim);
  gradient /= size;
  gradient.head(weights.size()) += l2_ * weights;
  return loss / size + 0.5 * l2_ * weights.squaredNorm();
}

TRIPTYCH_INLINE double softmax_objective::add_rows(std::int64_t first, std::int64_t last,
                                                   const Eigen::VectorXd& x,
                                                   Eigen::VectorXd& gradient) const {
  constexpr std::int64_t block = 256;
  const Eigen::Index dim = train_.dim, classes = train_.classes;
  const Eigen::Map<const Eigen::MatrixXd> weights(x.data(), dim, classes);
  const auto bias = x.tail(classes);
  Eigen::Map<Eigen::MatrixXd> weight_gradient(gradient.data(), dim, classes);
  Eigen::MatrixXd rows, scores;  // D x block, C x block
  double loss = 0;
  for (std::int64_t r = first; r < last; r += block) {
    const std::int64_t count = std::min(block, last - r);
    rows = Eigen::Map<const Eigen::MatrixXf>(train_.row(r), dim, count).cast<double>();
    scores.noalias() = weights.transpose() * rows;
    scores.colwise() += bias;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto label = train_.labels[static_cast<std::size_t>(r + i)];
      loss += detail::softmax_loss(scores.data() + i * classes, train_.classes, label);
    }
    weight_gradient.noalias() += rows * scores.transpose();
    gradient.tail(classes) += scores.rowwise().sum();
  }
  return loss;
}

}  // namespace triptych::eval
