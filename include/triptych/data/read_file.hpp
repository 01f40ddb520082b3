// triptych/data/read_file.hpp
//
// Small helpers of the readers: a whole file as bytes, and the sorted content of a directory. Every
// failure is an error::data that names the path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>

namespace triptych::data {

namespace fs = std::filesystem;

/// All bytes of a regular file of at most `limit` bytes.
inline std::vector<std::uint8_t> read_file(const fs::path& path, std::uintmax_t limit) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) {
    throw error::data(path.string() + " is not a readable file; check the data directory");
  }
  const std::uintmax_t size = fs::file_size(path, code);
  if (code) {
    throw error::data("cannot size " + path.string() + ": " + code.message() +
                      "; check its permissions");
  }
  if (size > limit) {
    throw error::data(path.string() + " holds " + std::to_string(size) + " bytes, more than the " +
                      std::to_string(limit) + " that such a file may have, so from byte " +
                      std::to_string(limit) +
                      " on it is something else; replace it by the original file");
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) {
    throw error::data("cannot read all " + std::to_string(size) + " bytes of " + path.string() +
                      "; check its permissions and the disk");
  }
  return bytes;
}

/// The entries directly in `directory` that `keep` accepts, hidden ones apart, sorted by name.
template <class Keep>
std::vector<fs::path> listing(const fs::path& directory, const Keep& keep) {
  std::vector<fs::path> found;
  std::error_code code;
  do {  // again from the start where it was interrupted
    found.clear();
    code = std::error_code(std::max(io::failpoint("list"), 0), std::generic_category());
    if (code) continue;
    for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
      const bool hidden = it->path().filename().string().starts_with('.');
      if (!hidden && keep(*it)) found.push_back(it->path());
    }
  } while (code == std::errc::interrupted);
  if (code) {
    throw error::data("cannot list " + directory.string() + ": " + code.message() +
                      "; check that it is a readable directory");
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline std::vector<fs::path> subdirectories(const fs::path& directory) {
  return listing(directory, [](const fs::directory_entry& e) {
    std::error_code unreadable;
    return e.is_directory(unreadable);
  });
}

/// The image files: .jpg .jpeg .png .ppm, in any case.
inline std::vector<fs::path> image_files(const fs::path& directory) {
  return listing(directory, [](const fs::directory_entry& e) {
    std::string extension = e.path().extension().string();
    for (char& c : extension) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return extension == ".jpg" || extension == ".jpeg" || extension == ".png" ||
           extension == ".ppm";
  });
}

}  // namespace triptych::data
