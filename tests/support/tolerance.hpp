// How far a backend may lie from the oracle: every number of the equivalence tests, and its reason.
//
// The tests draw inputs from [-1, 1) unless they say otherwise, so that all tolerances are
// absolute.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace triptych::test {

template <class Backend>
struct tolerance {
  /// The gap between 1 and the next number: twice the relative error of one rounding. A backend may
  /// say that it rounds operands of products more coarsely.
  static constexpr double epsilon = [] {
    if constexpr (requires { Backend::operand_epsilon; }) {
      return Backend::operand_epsilon;
    } else {
      return double(std::numeric_limits<typename Backend::real>::epsilon());
    }
  }();

  /// Numbers that are moved and not computed.
  static constexpr double exact = 0;

  /// One rounding of a number below 2.
  static constexpr double rounding = epsilon;

  /// A handful of roundings of numbers below 4; fused multiply-adds leave some of them out.
  static constexpr double elementwise = 8 * epsilon;

  /// A sum of `terms` products. Partial sums of random terms grow as the root of their number, and
  /// so do the accumulated roundings: together as the number itself. A third of it is typical; the
  /// 4 is for the few terms.
  static constexpr double sum(std::int64_t terms) {
    return epsilon * (4 + static_cast<double>(terms));
  }

  /// A convolution whose outputs have so many terms. Winograd's transforms add and subtract inputs
  /// before the products and products after them: intermediate numbers are twice as large.
  static constexpr double convolved(std::int64_t terms) { return 2 * sum(terms); }

  /// A sum of `terms` squares that is kept in double: the i-th rounding is at most half an epsilon
  /// of i.
  static constexpr double double_sum(std::int64_t terms) {
    const auto n = static_cast<double>(terms);
    return std::numeric_limits<double>::epsilon() * n * n / 4;
  }

  /// Half the gap between numbers below `size` of a feature map, added where one is written: 8 bits
  /// where it is bf16. Nothing where maps are real: their roundings are in the other tolerances.
  static constexpr double stored(double size) {
    return std::is_same_v<typename Backend::activation, typename Backend::real> ? 0 : 0x1p-8 * size;
  }

  /// The same for a sum of `terms` products of random numbers, and one number more: its deviation
  /// is a third of the root of `terms`, and here are six of it.
  static double stored_sum(std::int64_t terms) {
    return stored(1 + 2 * std::sqrt(static_cast<double>(terms)));
  }

  /// Batch normalization: roundings of the mean and of x, times an inverse deviation below 8.
  static constexpr double normalized = 64 * epsilon;

  /// Its gradients: sums over `rows`, and dx, where inverse deviations below 2 multiply a normalized
  /// x below 4 and a mean that has such an x as a factor, too: numbers below 40.
  static constexpr double normalized_gradient(std::int64_t rows) { return normalized + sum(rows); }

  /// The inverse deviation of numbers near 100: means of runs of rows are off by a few hundred
  /// epsilon, and so are the differences between them that the variance takes in.
  static constexpr double normalized_far = 256 * epsilon;

  /// Softmax of logits in [-10, 10): a few roundings of differences and losses below 32, 16 epsilon
  /// each.
  static constexpr double softmax = 64 * epsilon;
};

}  // namespace triptych::test
