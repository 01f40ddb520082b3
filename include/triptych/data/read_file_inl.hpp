// triptych/data/read_file_inl.hpp
//
// The bodies of read_file.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/io/failpoint.hpp>
#include <triptych/io/file.hpp>

namespace triptych::data {

TRIPTYCH_INLINE std::vector<std::uint8_t> read_file(const fs::path& path, std::uintmax_t limit) {
  if (io::type_of(path) != fs::file_type::regular) {
    throw error::data(path.string() + " is not a readable file; check the data directory");
  }
  const io::input_file file = io::open_input(path);
  if (file.size > limit) {
    throw error::data(path.string() + " holds " + std::to_string(file.size) +
                      " bytes, more than the " + std::to_string(limit) +
                      " that such a file may have, so from byte " + std::to_string(limit) +
                      " on it is something else; replace it by the original file");
  }
  const auto contents = io::read_bytes(file, static_cast<std::size_t>(file.size));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(contents.data.get());
  return {bytes, bytes + contents.size};
}

TRIPTYCH_INLINE std::vector<std::uint8_t> read_beginning(const fs::path& path, std::size_t count) {
  try {
    if (io::type_of(path) != fs::file_type::regular) return {};
    const io::input_file file = io::open_input(path);
    const auto contents =
        io::read_bytes(file, std::min(count, static_cast<std::size_t>(file.size)));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(contents.data.get());
    return {bytes, bytes + contents.size};
  } catch (const error&) {
    return {};
  }
}

TRIPTYCH_INLINE std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

TRIPTYCH_INLINE std::vector<entry> entries(const fs::path& directory) {
  std::vector<entry> found;
  std::error_code code;
  do {  // again from the start where it was interrupted
    found.clear();
    code = std::error_code(std::max(io::failpoint("list"), 0), std::generic_category());
    if (code) continue;
    for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
      std::error_code unreadable;
      found.push_back({it->path(), it->is_directory(unreadable)});
    }
  } while (code == std::errc::interrupted);
  if (code == std::errc::not_enough_memory) throw std::bad_alloc();
  if (code) {
    throw error::data("cannot list " + directory.string() + ": " + code.message() +
                      "; check that it is a readable directory");
  }
  std::sort(found.begin(), found.end(),
            [](const entry& a, const entry& b) { return a.path < b.path; });
  return found;
}

}  // namespace triptych::data
