// triptych/data/registry_inl.hpp
//
// The bodies of registry.hpp.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/nearest_name.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/cifar.hpp>
#include <triptych/data/image_folder.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/data/tiny_imagenet.hpp>

namespace triptych::data {

namespace detail {

/// How to recognize a set's directory, and how to get one.
struct landmark {
  const char* file;      ///< that the directory must hold
  const char* unpacked;  ///< the directory inside its archive
  const char* obtain;
};

inline landmark landmark_of(std::string_view name) {
  if (name == "cifar10") {
    return {"data_batch_1.bin", "cifar-10-batches-bin",
            "download cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and "
            "unpack it there, or give its directory with `data-dir`"};
  }
  if (name == "cifar100") {
    return {"train.bin", "cifar-100-binary",
            "download cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and "
            "unpack it there, or give its directory with `data-dir`"};
  }
  if (name == "tiny_imagenet") {
    return {
        "wnids.txt", "tiny-imagenet-200",
        "download http://cs231n.stanford.edu/tiny-imagenet-200.zip and unpack it there, or give "
        "its directory with `data-dir`"};
  }
  return {"", "", "give a directory of images with `data-dir`"};
}

inline std::vector<fs::path> usual_places() {
  std::vector<fs::path> places;
  const auto add = [&places](const char* variable, const char* below) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') return false;
    places.push_back(fs::path(value) / below);
    return true;
  };
  add("TRIPTYCH_DATA_DIR", "");
  if (!add("XDG_CACHE_HOME", "triptych")) add("HOME", ".cache/triptych");
  return places;
}

}  // namespace detail

TRIPTYCH_INLINE fs::path locate(const std::string& name, const fs::path& dir) {
  const auto mark = detail::landmark_of(name);
  std::vector<fs::path> places;
  if (!dir.empty()) {
    places = {dir};
  } else if (name != "folder") {  // any directory would do: only a given one is meant
    places = detail::usual_places();
  }
  std::string looked;
  std::error_code ignored;
  for (const fs::path& place : places) {
    for (const fs::path& candidate : {place, place / mark.unpacked}) {
      const bool found = *mark.file == '\0' ? fs::is_directory(candidate, ignored)
                                            : fs::exists(candidate / mark.file, ignored);
      if (found) return candidate;
    }
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  if (looked.empty()) {
    throw error::data("cannot find the data set " + name +
                      ", for there is no place to look in; give its directory with `data-dir`");
  }
  throw error::data("cannot find the data set " + name + " (looked in " + looked + "); " +
                    mark.obtain);
}

TRIPTYCH_INLINE split load(const source& s, thread_pool* pool) {
  if (s.limit_per_file < 0) {
    throw error::usage("the limit per file is " + std::to_string(s.limit_per_file) +
                       "; give a positive number, or 0 for all");
  }
  if (s.image_size < 0 || s.image_size > 4096) {
    throw error::usage("the image size is " + std::to_string(s.image_size) +
                       "; choose one from 1 to 4096, or 0 for the images' own");
  }
  if (s.name == "procedural") {
    return procedural_split(s.procedural_train, s.procedural_test, s.seed, pool);
  }
  if (s.name == "cifar10") {
    return read_cifar(cifar10_layout(), locate(s.name, s.dir), s.limit_per_file);
  }
  if (s.name == "cifar100") {
    return read_cifar(cifar100_layout(), locate(s.name, s.dir), s.limit_per_file);
  }
  if (s.name == "tiny_imagenet") {
    return read_tiny_imagenet(locate(s.name, s.dir), s.limit_per_file, s.image_size);
  }
  if (s.name == "folder") {
    return read_image_folder(locate(s.name, s.dir), s.limit_per_file, s.image_size);
  }
  throw error::usage("there is no data set '" + s.name + "'; did you mean '" +
                     std::string(nearest_name<std::string_view>(s.name, source_names)) + "'?");
}

}  // namespace triptych::data
