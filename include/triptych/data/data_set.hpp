// triptych/data/data_set.hpp
//
// What is known of a data set before it is read: its name, how its directory is recognized, and who
// reads it. Each reader's header describes its own; registry.hpp lists them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych {
class thread_pool;  // core/thread_pool.hpp
}  // namespace triptych

namespace triptych::data {

/// What to load.
struct source {
  std::string name = "procedural";  ///< one of data_set_names
  fs::path dir{};                   ///< empty: look in the usual places
  std::int64_t limit_per_file = 0;  ///< first records of each file, or images of each class; 0: all
  std::uint64_t seed = 1;           ///< of generated images
  std::int64_t procedural_train = 5000, procedural_test = 1000;
  bool skip_damaged = false;  ///< leave pictures out that cannot be decoded; else they are refused
  std::uint64_t memory = 0;   ///< bytes for decoded pictures; 0: half of what is free
  /// `load` calls it once with every image of either part, each part in its order.
  std::function<void(bool test, augment::image_view)> seen{};
};

/// Where the files of a data set are.
enum class place {
  usual,    ///< in one of the usual places, recognized by `mark`
  given,    ///< only in the directory that the user names
  nowhere,  ///< there are none: images are generated
};

struct data_set {
  std::string_view name;
  data::place place = data::place::usual;
  int classes = 0, side = 0;         ///< 0: any
  std::int64_t train = 0, test = 0;  ///< images; 0: any
  std::string_view mark{};           ///< a file that its directory holds
  std::string_view unpacked{};       ///< the directory inside its archive
  std::string_view obtain{};         ///< how to get it, for whoever does not have it
  /// `dir` is its directory, as `locate` has found it; empty where it is `nowhere`.
  split (*read)(const source&, const fs::path& dir, thread_pool*) = nullptr;
  /// Counts training and test images without reading them; null where reading all is quick.
  std::array<std::int64_t, 2> (*count)(const fs::path& dir) = nullptr;
};

}  // namespace triptych::data
