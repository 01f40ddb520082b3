// triptych/io/metrics_log.hpp
//
// A run's numbers, one record per call, in metrics.jsonl (an object a line) and metrics.csv (fixed
// columns). Numbers are the shortest texts that read back as the same bits; what is missing or not
// finite is empty in the CSV and null in the JSON. On resume both are cut back to the checkpoint's
// step, so that a resumed run's files equal an uninterrupted one's but for wall time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

/// A name and a number, already as text; no number at all is an empty text.
struct metric {
  std::string name;
  std::string text;

  explicit metric(std::string metric_name) : name(std::move(metric_name)) {}

  template <class Number>
  metric(std::string metric_name, Number number)
      : name(std::move(metric_name)), text(number_text(number)) {}

  template <class Number>
  metric(std::string metric_name, const std::optional<Number>& number)
      : name(std::move(metric_name)), text(number ? number_text(*number) : std::string()) {}
};

class metrics_log {
 public:
  /// Opens both files in `directory`. `columns` are the CSV's, after `step`. Without a
  /// `resume_step` the files begin anew; with one, records of later steps and a torn last line are
  /// dropped. Throws error::io, and error::checkpoint if the files are not of this run.
  metrics_log(const fs::path& directory, std::vector<std::string> columns,
              std::optional<std::int64_t> resume_step = {});

  /// Appends a record; metrics of other names than the columns throw error::runtime. Every record
  /// reaches the kernel at once. Throws error::io.
  void append(std::int64_t step, std::span<const metric> metrics) const;

  /// Forces the records to the disk; call it before a checkpoint is saved.
  void sync() const;

 private:
  struct file {
    fs::path path;
    descriptor fd;
  };

  /// Opens a file whose first line is `heading` and whose records begin with `opening` and a step.
  static void open(file& target, const std::string& heading, std::string_view opening,
                   std::optional<std::int64_t> resume_step);

  std::vector<std::string> columns_;
  file json_;
  file csv_;
};

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/metrics_log_inl.hpp>
#endif
