// triptych/data/registry.hpp
//
// Data sets by name: finds the files, reads them, and says where it looked if there are none.
//
// A given directory is the only place looked in; without one it is $TRIPTYCH_DATA_DIR, then
// $XDG_CACHE_HOME/triptych (~/.cache/triptych). Each place may be the set's own directory or hold
// it under the name that its archive unpacks to.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decode.hpp>  // checks that the library which is linked reads the same formats
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych {
class thread_pool;  // core/thread_pool.hpp
}  // namespace triptych

namespace triptych::data {

inline constexpr std::array<std::string_view, 5> source_names{"procedural", "cifar10", "cifar100",
                                                              "tiny_imagenet", "folder"};

/// What to load.
struct source {
  std::string name = "procedural";  ///< one of source_names
  fs::path dir;                     ///< empty: look in the usual places
  std::int64_t limit_per_file = 0;  ///< first records of each file, or images of each class; 0: all
  int image_size = 0;               ///< folder, tiny_imagenet: resize to this; 0: as they are
  std::uint64_t seed = 1;           ///< of the procedural images
  std::int64_t procedural_train = 5000, procedural_test = 1000;
};

/// The directory that holds the set `name`. error::data saying where it looked and how to get it.
fs::path locate(const std::string& name, const fs::path& dir);

/// Reads the set. error::usage for an unknown name or wrong number, error::data for missing or
/// damaged files.
split load(const source& s, thread_pool* pool = nullptr);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/registry_inl.hpp>
#endif
