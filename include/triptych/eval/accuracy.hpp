// triptych/eval/accuracy.hpp
//
// Top-1 and top-5 accuracy of class scores. Hits are counted as integers, so that parts of a set
// evaluated apart, on threads or processes, add up to the same number in any order.
//
// Cost: one pass over the scores; nothing is sorted.
#pragma once

#include <cstdint>

#include <triptych/config.hpp>

namespace triptych::eval {

/// Shares of rows whose label is the best, or among the five best, of its scores; in percent.
struct accuracy {
  double top1 = 0;
  double top5 = 0;
  friend bool operator==(const accuracy&, const accuracy&) = default;
};

/// No accuracy is larger: 100 with a little for rounding. For what is read back from files.
inline constexpr double most_percent = 100.000001;

/// How many of `total` rows were hits.
struct hit_count {
  std::int64_t top1 = 0;
  std::int64_t top5 = 0;
  std::int64_t total = 0;

  /// Counts one row of `classes` scores. Among equal scores the lower index ranks first; a label
  /// whose own score is NaN ranks last.
  template <class Score>
  void add(const Score* scores, int classes, std::int32_t label) {
    const Score own = scores[label];
    int rank = 0;
    for (int c = 0; c < label; ++c) rank += !(scores[c] < own);
    for (int c = label + 1; c < classes; ++c) rank += !(scores[c] <= own);
    top1 += rank < 1;
    top5 += rank < 5;
    ++total;
  }

  hit_count& operator+=(const hit_count& other) {
    top1 += other.top1;
    top5 += other.top5;
    total += other.total;
    return *this;
  }

  /// In percent, at most most_percent; zero for no rows at all.
  [[nodiscard]] accuracy percent() const {
    if (total == 0) return {};
    const double scale = 100.0 / static_cast<double>(total);
    return {scale * static_cast<double>(top1), scale * static_cast<double>(top5)};
  }
};

}  // namespace triptych::eval
