// triptych/io/event_log.hpp
//
// Numbers of training as TensorBoard reads them: an event file, records of Event messages, in a
// directory that is ours. A file is begun with all points so far and grows with training; a run that
// goes on begins a new one from its metrics, which alone decide what was recorded, and empties the
// file before.
//
// Source: tensorflow/core/util/event.proto, framework/summary.proto, tensor.proto, from where the
// numbers of the fields are, and the form of records from lib/io/record_writer.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

/// A point of several curves.
struct event {
  std::int64_t step = 0;
  double time = 0;                                        ///< in seconds since 1970
  std::vector<std::pair<std::string, double>> scalars{};  ///< kept in single precision
};

/// A text of a run: its name and Markdown.
using event_text = std::pair<std::string, std::string>;

/// A record: length, the data, and a checksum of each.
std::string event_record(std::string_view data);

class event_log {
 public:
  /// Makes the directory where it is missing and in it, in one step, a file with texts and points;
  /// the file of ours before it is emptied, and those before that are removed. Throws error::io.
  event_log(const fs::path& directory, const std::vector<event_text>& texts,
            const std::vector<event>& points);

  /// Appends a point, which reaches the kernel at once. Throws error::io.
  void append(const event& point) const;

  /// Forces the records to the disk.
  void sync() const { sync_file(fd_, path_); }

  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
  descriptor fd_;
};

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/event_log_inl.hpp>
#endif
