// triptych/data/registry.hpp
//
// Data sets by name: finds the files, reads them, and says where it looked if there are none.
//
// A given directory is the only place looked in; without one it is $TRIPTYCH_DATA_DIR, then
// $XDG_CACHE_HOME/triptych (~/.cache/triptych). Each place may be the set's own directory or hold
// it under the name that its archive unpacks to.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/cifar.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_folder.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/data/stl10.hpp>
#include <triptych/data/tiny_imagenet.hpp>

namespace triptych::data {

/// All of them; one more is its header above and its name here.
inline constexpr std::array data_sets{known::cifar10,       known::cifar100, known::stl10,
                                      known::tiny_imagenet, known::folder,   known::procedural};

inline constexpr auto data_set_names = [] {
  std::array<std::string_view, data_sets.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = data_sets[i].name;
  return names;
}();

/// error::usage for a name that there is not.
const data_set& data_set_of(std::string_view name);

/// Whether its images are made and not read.
inline bool generated(std::string_view name) { return data_set_of(name).place == place::nowhere; }

/// The directory that holds the set `name`. error::usage for an unknown name, error::data saying
/// where it looked and how to get it.
fs::path locate(const std::string& name, const fs::path& dir);

/// Reads the set. error::usage for an unknown name or wrong number, error::data for missing or
/// damaged files.
split load(const source& s, thread_pool* pool = nullptr);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/registry_inl.hpp>
#endif
