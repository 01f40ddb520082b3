// triptych/eval/confusion.hpp
//
// The confusion matrix: how often rows of one class were taken for another. Counts are integers:
// parts of a set add up to the same matrix in any order.
//
// C classes. Cost: one pass over the scores of a row; memory for each pair of classes that occurs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/eval/accuracy.hpp>

namespace triptych::eval {

/// Of rows with a known class: which class they were taken for, and the hits among them.
class confusion_matrix {
 public:
  /// Of no rows yet.
  explicit confusion_matrix(int classes = 0)
      : classes_(classes), rows_(static_cast<std::size_t>(classes)) {}

  /// Counts a row of class `label`, which lies in [0, C). A row with a score that is NaN is taken
  /// for no class.
  void add(const ranking& row, std::int32_t label) {
    hits_.add(row);
    ++rows_[static_cast<std::size_t>(label)];
    if (row.best >= 0) ++counts_[{label, row.best}];
  }

  /// Adds the counts of other rows. Throws error::usage where the classes are others.
  confusion_matrix& operator+=(const confusion_matrix& other) {
    if (other.classes_ != classes_) {
      throw error::usage("confusion matrix: " + std::to_string(other.classes_) +
                         " classes do not add to " + std::to_string(classes_) +
                         "; count both parts with the classes of the whole set");
    }
    hits_ += other.hits_;
    for (const auto& [pair, count] : other.counts_) counts_[pair] += count;
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] += other.rows_[i];
    return *this;
  }

  [[nodiscard]] int classes() const { return classes_; }
  [[nodiscard]] const hit_count& hits() const { return hits_; }

  /// How many rows of class `label` were taken for class `best`.
  [[nodiscard]] std::int64_t count(std::int32_t label, std::int32_t best) const {
    const auto found = counts_.find({label, best});
    return found == counts_.end() ? 0 : found->second;
  }

  /// All in percent. The mean per class is over the classes that have rows.
  [[nodiscard]] accuracy percent() const {
    accuracy found = hits_.percent();
    double sum = 0;
    int there = 0;
    for (std::int32_t c = 0; c < classes_; ++c) {
      const auto rows = rows_[static_cast<std::size_t>(c)];
      if (rows == 0) continue;
      sum += static_cast<double>(count(c, c)) / static_cast<double>(rows);
      ++there;
    }
    if (there > 0) found.mean_per_class = 100 * sum / there;
    return found;
  }

  friend bool operator==(const confusion_matrix&, const confusion_matrix&) = default;

 private:
  int classes_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> counts_;  // by true class and best
  std::vector<std::int64_t> rows_;                                        // (C)
  hit_count hits_;
};

}  // namespace triptych::eval
