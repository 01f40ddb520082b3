// triptych/eval/row_source.hpp
//
// Labeled rows of features that are in memory or are made as they are asked for, block by block:
// for sets that do not fit into memory.
//
// N rows, D features.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/eval/features.hpp>

namespace triptych::eval {

struct row_source {
  std::int64_t size = 0;                   ///< N
  int dim = 0;                             ///< D
  int classes = 0;                         ///< labels lie in [0, classes)
  std::span<const std::int32_t> labels{};  ///< (N)

  /// Rows first ... first + count - 1, (count, D) row-major: always the same ones. They may lie in
  /// `memory`, until that is used again. Not called from several threads at once.
  std::function<const float*(std::int64_t first, std::int64_t count, std::vector<float>& memory)>
      rows{};
};

/// The rows of a set in memory, which must outlive the source.
inline row_source rows_of(const feature_set& set) {
  return {set.size, set.dim, set.classes, set.labels,
          [&set](std::int64_t first, std::int64_t, std::vector<float>&) { return set.row(first); }};
}

/// Throws unless there are rows and labels in range; `name` says in the message which set it is.
/// Values are not looked at.
inline void check(const row_source& set, const std::string& name) {
  check_labels(set.size, set.dim, set.classes, set.labels, name);
}

}  // namespace triptych::eval
