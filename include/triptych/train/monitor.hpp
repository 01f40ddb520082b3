// triptych/train/monitor.hpp
//
// What looks at training and takes no part in it: a monitor names the tensor of a step that it
// wants, and the columns of the log that it computes from it. Labels serve
// monitors alone.
//
//   trainer_options options{...};
//   options.monitors.push_back({{"my_column"}, {"z/1"}, [](const glimpse& g) { ... }});
//
// Cost: a copy of the tensor to the host, every `monitor_every` steps; without that, nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/eval/collapse.hpp>

namespace triptych::train {

/// A tensor of a step on the host, row-major; without rows where the method has none of the wanted
/// names.
struct seen_rows {
  std::vector<float> values;
  std::int64_t rows = 0;
  int columns = 0;
};

/// The queue as the step found it.
struct seen_queue {
  std::int64_t size = 0, head = 0;       ///< rows, and which of them the step has overwritten first
  std::int64_t pushed = 0;               ///< rows since the start, before this step's
  std::int64_t each = 0;                 ///< rows that a step pushes
  std::span<const std::int32_t> labels;  ///< of its rows, -1 where unknown
};

/// What a monitor sees of one step.
struct glimpse {
  const seen_rows& rows;  ///< what it wanted
  /// Of view 1 in the queue, several of an image rank by rank; empty without a look-up.
  std::span<const std::int64_t> neighbors;
  std::span<const std::int32_t> labels;  ///< of the batch's images
  seen_queue queue;                      ///< of size 0 without one
};

/// One for each column; none where a method has no such number.
using monitor_values = std::vector<std::optional<double>>;

struct monitor {
  std::vector<std::string> columns;  ///< as the log has them, one for each value
  /// What it wants, by the names of method::trace: the first of these that the method has.
  std::vector<std::string> tensors;
  std::function<monitor_values(const glimpse&)> values;
};

/// Do the directions of the projections collapse? See eval/collapse.hpp.
inline monitor collapse_monitor() {
  return {{"feature_std", "effective_rank"},
          {"z/1", "q/1", "p/1"},
          [](const glimpse& g) -> monitor_values {
            if (g.rows.rows == 0) return {std::nullopt, std::nullopt};
            return {eval::direction_spread(g.rows.values, g.rows.rows, g.rows.columns),
                    eval::effective_rank(g.rows.values, g.rows.rows, g.rows.columns)};
          }};
}

/// How good, and how old, the neighbors are.
inline monitor neighbor_monitor() {
  return {{"nn_same_label", "queue_age"}, {}, [](const glimpse& g) -> monitor_values {
            if (g.neighbors.empty()) return {std::nullopt, std::nullopt};
            std::vector<std::int32_t> found;
            for (const auto at : g.neighbors) {
              found.push_back(g.queue.labels[static_cast<std::size_t>(at)]);
            }
            return {eval::same_label_share(g.labels, found),
                    eval::queue_age(g.neighbors, g.queue.size, g.queue.head, g.queue.each,
                                    g.queue.pushed)
                        .mean_steps};
          }};
}

inline std::vector<monitor> standard_monitors() { return {collapse_monitor(), neighbor_monitor()}; }

/// The columns of several monitors, one after another.
inline std::vector<std::string> columns_of(const std::vector<monitor>& monitors) {
  std::vector<std::string> all;
  for (const auto& m : monitors) all.insert(all.end(), m.columns.begin(), m.columns.end());
  return all;
}

}  // namespace triptych::train
