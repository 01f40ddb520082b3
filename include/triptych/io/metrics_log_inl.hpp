// triptych/io/metrics_log_inl.hpp
//
// The bodies of metrics_log.hpp.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/metrics_log.hpp>

namespace triptych::io {

namespace detail {

/// How many bytes of `text` are the heading and records of steps up to `last`.
inline std::size_t prefix_until(std::string_view text, std::string_view heading,
                                std::string_view opening, std::int64_t last, const fs::path& path) {
  const auto foreign = [&](std::size_t at) {
    return error::checkpoint(path.string() + ": what begins at byte " + std::to_string(at) +
                             " was not written by this run; move the file away, then continue "
                             "the run");
  };
  if (text.size() < heading.size() && heading.starts_with(text)) return 0;
  if (!text.starts_with(heading)) throw foreign(0);
  std::size_t at = heading.size();
  for (std::size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    std::string_view line = text.substr(at, end - at);
    if (!line.starts_with(opening)) throw foreign(at);
    line.remove_prefix(opening.size());
    std::int64_t step = 0;
    const auto [next, code] = std::from_chars(line.data(), line.data() + line.size(), step);
    if (code != std::errc() || step < 0) throw foreign(at);
    if (next != line.data() + line.size() && *next != ',' && *next != '}') throw foreign(at);
    if (step > last) break;
  }
  return at;
}

}  // namespace detail

TRIPTYCH_INLINE metrics_log::metrics_log(const fs::path& directory,
                                         std::vector<std::string> columns,
                                         std::optional<std::int64_t> resume_step)
    : columns_(std::move(columns)), json_{directory / "metrics.jsonl", descriptor()},
      csv_{directory / "metrics.csv", descriptor()} {
  std::string heading = "step";
  for (const std::string& column : columns_) heading += "," + column;
  heading += "\n";
  open(json_, "", R"({"step":)", resume_step);
  open(csv_, heading, "", resume_step);
}

TRIPTYCH_INLINE void metrics_log::append(std::int64_t step, std::span<const metric> metrics) const {
  std::string json = R"({"step":)" + std::to_string(step);
  std::vector<std::string_view> cells(columns_.size());
  for (const metric& one : metrics) {
    const auto column = std::find(columns_.begin(), columns_.end(), one.name);
    if (column == columns_.end()) {
      throw error::runtime("the metric '" + one.name + "' has no column; please report this");
    }
    cells[static_cast<std::size_t>(column - columns_.begin())] = one.text;
    json += "," + json_string(one.name) + ":" + (one.text.empty() ? "null" : one.text);
  }
  std::string csv = std::to_string(step);
  for (const std::string_view cell : cells) csv.append(",").append(cell);
  write_all(json_.fd, json + "}\n", json_.path);
  write_all(csv_.fd, csv + "\n", csv_.path);
}

TRIPTYCH_INLINE void metrics_log::sync() const {
  sync_file(json_.fd, json_.path);
  sync_file(csv_.fd, csv_.path);
}

TRIPTYCH_INLINE void metrics_log::open(file& target, const std::string& heading,
                                       std::string_view opening,
                                       std::optional<std::int64_t> resume_step) {
  target.fd = open_file(target.path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW);
  std::size_t kept = 0;
  if (resume_step) {
    const file_bytes contents = read_file(target.path, any_length);
    kept = detail::prefix_until(contents.text(), heading, opening, *resume_step, target.path);
  }
  const int result = detail::repeat_call(
      "truncate", [&] { return ::ftruncate(target.fd.get(), static_cast<off_t>(kept)); });
  if (result < 0) throw_io("truncate", target.path, errno);
  if (kept == 0) write_all(target.fd, heading, target.path);
}

}  // namespace triptych::io
