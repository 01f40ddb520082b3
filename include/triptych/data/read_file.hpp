// triptych/data/read_file.hpp
//
// Small helpers of the readers: a whole file as bytes, and the sorted content of a directory. Every
// failure is an error::data that names the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych::data {

namespace fs = std::filesystem;

/// All bytes of a regular file of at most `limit` bytes. Throws error::io where they cannot be read.
std::vector<std::uint8_t> read_file(const fs::path& path, std::uintmax_t limit);

std::vector<fs::path> subdirectories(const fs::path& directory);

/// The image files: .jpg .jpeg .png .ppm, in any case.
std::vector<fs::path> image_files(const fs::path& directory);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/read_file_inl.hpp>
#endif
