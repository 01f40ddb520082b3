// A directory of a test's own, removed with everything in it at the end of its scope.
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

/// Where files live in memory, if there is such a place: for tests that sync thousands of times.
inline std::filesystem::path memory_parent() {
  std::error_code ignored;
  return std::filesystem::is_directory("/dev/shm", ignored)
             ? std::filesystem::path("/dev/shm")
             : std::filesystem::temp_directory_path();
}

class temporary_directory {
 public:
  explicit temporary_directory(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::random_device entropy;
    do {
      path_ = parent / ("triptych-test-" + std::to_string(entropy()) + std::to_string(entropy()));
    } while (!std::filesystem::create_directory(path_));
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Writes bytes to a file below the directory, creating the directories on the way.
  template <class Bytes>
  std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return file;
  }

 private:
  std::filesystem::path path_;
};
