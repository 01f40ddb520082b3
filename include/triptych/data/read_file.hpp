// triptych/data/read_file.hpp
//
// Small helpers of the readers: a whole file as bytes, and the sorted content of a directory. Every
// failure is an error::data that names the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych::data {

namespace fs = std::filesystem;

/// All bytes of a regular file of at most `limit` bytes. Throws error::io where they cannot be
/// read.
std::vector<std::uint8_t> read_file(const fs::path& path, std::uintmax_t limit);

/// The first bytes of a regular file, at most `count`; none where they cannot be read.
std::vector<std::uint8_t> read_beginning(const fs::path& path, std::size_t count);

struct entry {
  fs::path path;
  bool directory = false;  ///< or a link to one
};

/// Letters of A to Z made small.
std::string lower_case(std::string text);

/// Everything in `directory`, sorted by name.
std::vector<entry> entries(const fs::path& directory);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/read_file_inl.hpp>
#endif
