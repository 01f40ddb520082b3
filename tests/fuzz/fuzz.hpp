// What the fuzz targets share. Each gives bytes of anybody's to one reader, which must take them or
// refuse them with one sentence; everything else is a find: a crash, a sanitizer's report, another
// exception, a broken promise about what was read, too much time or memory (fuzz.py sets limits).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <triptych/core/error.hpp>

#include "support/temporary_directory.hpp"

namespace triptych::fuzz {

namespace fs = std::filesystem;
using bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(bytes input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// Ends the program with what was found, unless `holds`.
inline void require(bool holds, std::string_view promise, std::string_view seen = {}) {
  if (holds) return;
  std::fprintf(stderr, "a promise is broken: %.*s: %.*s\n", static_cast<int>(promise.size()),
               promise.data(), static_cast<int>(seen.size()), seen.data());
  std::abort();
}

/// Whether `read()` takes its input. It may refuse it: by an error of one of these kinds, whose
/// sentence does not grow with the input.
template <class Read>
bool takes(std::initializer_list<error_kind> refusals, const Read& read) {
  constexpr std::size_t longest_sentence = 4000;
  try {
    read();
    return true;
  } catch (const error& refusal) {
    const std::string_view sentence = refusal.what();
    require(std::find(refusals.begin(), refusals.end(), refusal.kind()) != refusals.end(),
            "the kind of a refusal", sentence);
    require(!sentence.empty() && sentence.size() <= longest_sentence, "a short sentence", sentence);
    require(sentence.find('\n') == sentence.npos, "one sentence on one line", sentence);
    return false;
  }
}

/// The path of a file in memory that holds `input`, until the next call: for readers that want a path.
inline fs::path as_file(bytes input) {
  static const int fd = memfd_create("input", 0);
  require(ftruncate(fd, 0) == 0 &&
              pwrite(fd, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()),
          "a file");
  return "/proc/self/fd/" + std::to_string(fd);
}

/// A directory in memory, where the system has such a place, and what `fill(directory)` puts there
/// once.
struct directory : temporary_directory {
  directory()
      : temporary_directory(fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()) {
  }
  template <class Fill>
  explicit directory(const Fill& fill) : directory() {
    fill(*this);
  }
};

/// What stands before the first byte 0, and what follows it: inputs of two files.
inline std::pair<bytes, bytes> halves(bytes input) {
  const auto end = std::find(input.begin(), input.end(), 0);
  const auto first = static_cast<std::size_t>(end - input.begin());
  return {input.first(first), input.subspan(std::min(first + 1, input.size()))};
}

}  // namespace triptych::fuzz

/// A target: `FUZZ(input) { ... }` gets each input as bytes.
#define FUZZ(input)                                                                                \
  static void fuzz_one(triptych::fuzz::bytes input);                                               \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {              \
    fuzz_one({data, size});                                                                        \
    return 0;                                                                                      \
  }                                                                                                \
  static void fuzz_one(triptych::fuzz::bytes input)
