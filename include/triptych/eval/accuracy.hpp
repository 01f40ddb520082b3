// triptych/eval/accuracy.hpp
//
// Top-1 and top-5 accuracy of class scores, and how far chance in the choice of test rows reaches.
// Hits are counted as integers, so that parts of a set evaluated apart, on threads or processes,
// add up to the same number in any order.
//
// Source of the interval: Wilson, "Probable inference, the law of succession, and statistical
// inference", J. Am. Stat. Assoc. 22 (1927).
// Cost: one pass over the scores; nothing is sorted.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych::eval {

/// Shares of rows whose label is the best, or among the five best, of its scores; in percent.
struct accuracy {
  double top1 = 0;
  double top5 = 0;
  /// Mean over the classes of the top-1 of their own rows; nothing where only hits were counted.
  std::optional<double> mean_per_class{};
  friend bool operator==(const accuracy&, const accuracy&) = default;
};

/// No accuracy is larger: 100 with a little for rounding. For what is read back from files.
inline constexpr double most_percent = 100.000001;

/// Two bounds, in percent.
struct interval {
  double low = 0;
  double high = 0;
  friend bool operator==(const interval&, const interval&) = default;
};

/// Wilson's score interval of a share of which `hits` of `total` were seen: it covers the true
/// share with a probability of about 95 %, and never leaves 0 to 100. Throws error::usage unless
/// 0 <= hits <= total and total > 0.
inline interval wilson_interval(std::int64_t hits, std::int64_t total) {
  if (hits < 0 || hits > total || total < 1) {
    throw error::usage("interval: " + std::to_string(hits) + " hits of " + std::to_string(total) +
                       " are no share; pass hits between 0 and a positive total");
  }
  constexpr double z = 1.959963984540054;  // of the normal distribution's middle 95 %
  const auto n = static_cast<double>(total);
  const double share = static_cast<double>(hits) / n;
  const double center = share + z * z / (2 * n);
  const double reach = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double scale = 100 / (1 + z * z / n);
  return {hits == 0 ? 0 : std::max(0.0, scale * (center - reach)),
          hits == total ? 100 : std::min(100.0, scale * (center + reach))};
}

/// What the scores of a row say.
struct ranking {
  std::int32_t best = -1;  ///< the class of the highest score; -1 where a score is NaN
  int place = 0;           ///< of the row's label among the classes; 0 is the first
};

/// Among equal scores the lower index ranks first; a label whose own score is NaN ranks last.
template <class Score>
ranking rank(const Score* scores, int classes, std::int32_t label) {
  const Score own = scores[label];
  ranking r;
  for (int c = 0; c < label; ++c) r.place += !(scores[c] < own);
  for (int c = label + 1; c < classes; ++c) r.place += !(scores[c] <= own);
  r.best = 0;
  for (int c = 0; c < classes; ++c) {
    if (std::isnan(scores[c])) return {-1, r.place};
    if (scores[c] > scores[r.best]) r.best = c;
  }
  return r;
}

/// How many of `total` rows were hits.
struct hit_count {
  std::int64_t top1 = 0;
  std::int64_t top5 = 0;
  std::int64_t total = 0;

  void add(const ranking& row) {
    top1 += row.place < 1;
    top5 += row.place < 5;
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

  friend bool operator==(const hit_count&, const hit_count&) = default;
};

}  // namespace triptych::eval
