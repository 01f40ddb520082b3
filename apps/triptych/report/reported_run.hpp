// apps/triptych/report/reported_run.hpp
//
// What a run's directory says of it, as plain data: configuration, state, metrics, evaluations.
// Nothing here needs its images or its checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/train/data_identity.hpp>

#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/metrics_file.hpp"
#include "triptych/commands/run_status.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// A confusion matrix that an evaluation has left.
struct confusion_table {
  std::string source;  ///< what was judged and how: "trained, logistic"
  std::vector<std::string> classes;
  std::vector<std::vector<std::int64_t>> counts;  ///< by true class, then by what it was taken for
};

struct reported_run {
  std::filesystem::path path;
  std::string name;    ///< as it was given
  std::string config;  ///< the text of config.toml
  train_options options;

  run_status status;                      ///< with an empty state where there is none
  std::vector<std::int64_t> resumptions;  ///< after which steps it went on

  std::vector<std::pair<std::string, std::string>> environment;  ///< of environment.json
  std::optional<train::data_identity> images;
  std::map<std::string, std::size_t> skipped;  ///< files that are no images: why, how many

  std::map<std::string, std::vector<logged_number>> metrics;  ///< by column
  std::optional<evaluation> judged;                           ///< eval.json
  std::optional<confusion_table> confusion;

  /// The numbers of a column; none where it is not there or was never measured.
  [[nodiscard]] std::vector<logged_number> numbers(const std::string& column) const;

  [[nodiscard]] std::int64_t steps_per_epoch() const;  ///< 0: not known
  [[nodiscard]] std::int64_t total_steps() const;      ///< 0: not known

  /// Top-1 in percent of guessing among equally frequent classes; nothing where not known.
  [[nodiscard]] std::optional<double> chance() const;
};

/// Reads the run at `path`. Throws error::usage where there is none, or one that has logged nothing
/// yet; error::checkpoint where a file of it is damaged; error::io.
reported_run read_run(const std::string& path);

}  // namespace triptych::app
