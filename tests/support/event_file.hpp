// Reads event files of TensorBoard back: records, whose checksums must be right, and their Events.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/io/crc32c.hpp>

#include "support/protobuf_reader.hpp"

namespace triptych::test {

/// What the records of a file hold. Throws std::runtime_error for a damaged one.
inline std::vector<std::string> event_records(std::string_view file) {
  const auto checked = [&](std::string_view bytes, std::size_t at) {
    std::uint32_t masked = 0;
    std::memcpy(&masked, file.substr(at, sizeof masked).data(), sizeof masked);
    const std::uint32_t turned = masked - 0xA282EAD8u;
    if ((turned >> 17 | turned << 15) != io::crc32c(bytes)) {
      throw std::runtime_error("a record has a wrong checksum");
    }
  };
  std::vector<std::string> records;
  while (!file.empty()) {
    std::uint64_t size = 0;
    if (file.size() < 16) throw std::runtime_error("a record is torn");
    std::memcpy(&size, file.data(), sizeof size);
    checked(file.substr(0, 8), 8);
    if (size > file.size() - 16) throw std::runtime_error("a record is torn");
    records.emplace_back(file.substr(12, size));
    checked(records.back(), 12 + size);
    file.remove_prefix(16 + size);
  }
  return records;
}

/// The scalars of a file, by step and name, and its texts under step -1.
struct event_contents {
  std::map<std::pair<std::int64_t, std::string>, float> scalars;
  std::map<std::string, std::string> texts;
  std::vector<double> times;
};

inline event_contents events_in(std::string_view file) {
  event_contents all;
  for (const auto& record : event_records(file)) {
    const auto step = fields_of(record, 2);
    all.times.push_back(field_of(record, 1).float64());
    for (const auto& summary : fields_of(record, 5)) {
      for (const auto& value : fields_of(summary.text, 1)) {
        const std::string tag(field_of(value.text, 1).text);
        if (const auto scalar = fields_of(value.text, 2); !scalar.empty()) {
          const auto at = std::pair(step.empty() ? 0 : step.front().integer(), tag);
          if (!all.scalars.emplace(at, scalar.front().float32()).second) {
            throw std::runtime_error("the point " + tag + " is there twice");
          }
        } else {
          all.texts[tag] = field_of(field_of(value.text, 8).text, 8).text;
        }
      }
    }
  }
  return all;
}

}  // namespace triptych::test
