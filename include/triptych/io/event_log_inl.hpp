// triptych/io/event_log_inl.hpp
//
// The bodies of event_log.hpp. A comment `= Summary` names the message.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include <triptych/config.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/crc32c.hpp>
#include <triptych/io/event_log.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/protobuf.hpp>

namespace triptych::io {

namespace detail {

/// A checksum that may itself be a part of what is checked.
inline std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t sum = crc32c(bytes);
  return (sum >> 15 | sum << 17) + 0xA282EAD8u;
}

/// = Event
inline protobuf_message event_message(double time, std::int64_t step) {
  protobuf_message m;
  m.float64(1, time);
  if (step != 0) m.integer(2, step);
  return m;
}

/// = Event with a Summary of a Summary.Value for each number
inline protobuf_message event_message(const event& point) {
  protobuf_message summary;
  for (const auto& [name, number] : point.scalars) {
    protobuf_message value;
    summary.message(1, value.bytes(1, name).float32(2, static_cast<float>(number)));
  }
  return event_message(point.time, point.step).message(5, summary);
}

/// Likewise of a text: a TensorProto of one string, and SummaryMetadata, which names the plugin that
/// shows it.
inline protobuf_message event_message(double time, const event_text& text) {
  constexpr std::int64_t of_strings = 7, a_tensor = 2;  // DT_STRING, DATA_CLASS_TENSOR
  protobuf_message one, shape, tensor, plugin, metadata, value, summary;
  one.integer(1, 1);
  shape.message(2, one);  // = TensorShapeProto, TensorShapeProto.Dim
  tensor.integer(1, of_strings).message(2, shape);
  tensor.bytes(8, is_utf8(text.second) ? text.second : printable(text.second));
  metadata.message(1, plugin.bytes(1, "text")).integer(4, a_tensor);
  value.bytes(1, text.first).message(8, tensor).message(9, metadata);
  return event_message(time, 0).message(5, summary.message(1, value));
}

/// What opens a file: its version, and that a session starts with the first step, so that a
/// TensorBoard that has seen the file before forgets its points.
inline std::string event_heading(double time) {
  protobuf_message session;  // = SessionLog
  session.integer(1, 1);     // START
  return event_record(event_message(time, 0).bytes(3, "brain.Event:2").text()) +
         event_record(event_message(time, 0).message(7, session).text());
}

}  // namespace detail

TRIPTYCH_INLINE std::string event_record(std::string_view data) {
  std::string record;
  append_little_endian(record, data.size(), 8);
  append_little_endian(record, detail::masked_crc32c(record), 4);
  record += data;
  append_little_endian(record, detail::masked_crc32c(data), 4);
  return record;
}

TRIPTYCH_INLINE event_log::event_log(const fs::path& directory,
                                     const std::vector<event_text>& texts,
                                     const std::vector<event>& points) {
  using namespace std::chrono;
  const auto now = duration<double>(system_clock::now().time_since_epoch()).count();
  const double begun = points.empty() ? now : points.front().time;
  std::string text = detail::event_heading(begun);
  for (const auto& one : texts) text += event_record(detail::event_message(begun, one).text());
  for (const auto& point : points) text += event_record(detail::event_message(point).text());

  make_directories(directory);
  owned_names owned(directory);
  // TensorBoard reads the files of a directory in the order of their names, each of them once.
  const std::string first = "events.out.tfevents.", last = ".triptych";
  auto number = static_cast<std::int64_t>(now);
  for (std::string_view other : owned.in().names()) {
    if (!other.starts_with(first) || !other.ends_with(last)) continue;
    other.remove_prefix(first.size());
    const auto its = number_in<std::int64_t>(other.substr(0, other.size() - last.size()));
    if (its && *its < std::numeric_limits<std::int64_t>::max()) number = std::max(number, *its + 1);
  }
  const std::string name = first + std::to_string(number) + last;
  owned.claim({name});
  path_ = directory / name;
  replace_in(owned.in(), name,
             [&](const descriptor& fd, const fs::path& path) { write_all(fd, text, path); });
  fd_ = owned.in().open(name, O_WRONLY | O_APPEND | O_NOFOLLOW);
  std::vector<std::string> emptied;
  for (const auto& other : owned.in().names()) {
    if (other == name || !owned.has(other)) continue;
    const auto found = owned.in().status(other);
    if (!found || !S_ISREG(found->st_mode)) continue;
    if (found->st_size == 0) {
      emptied.push_back(other);
    } else {  // a TensorBoard that reads it would not go on to the next if it were gone
      static_cast<void>(owned.in().open(other, O_WRONLY | O_TRUNC | O_NOFOLLOW));
    }
  }
  owned.remove(emptied);
}

TRIPTYCH_INLINE void event_log::append(const event& point) const {
  write_all(fd_, event_record(detail::event_message(point).text()), path_);
}

}  // namespace triptych::io
