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
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/registry.hpp>

namespace triptych::data {

namespace detail {

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

TRIPTYCH_INLINE const data_set& data_set_of(std::string_view name) {
  for (const auto& one : data_sets) {
    if (one.name == name) return one;
  }
  throw error::usage("there is no data set '" + std::string(name) + "'; did you mean '" +
                     std::string(nearest_name<std::string_view>(name, data_set_names)) + "'?");
}

TRIPTYCH_INLINE fs::path locate(const std::string& name, const fs::path& dir) {
  const data_set& set = data_set_of(name);
  std::vector<fs::path> places;
  if (!dir.empty()) {
    places = {dir};
  } else if (set.place == place::usual) {
    places = detail::usual_places();
  }
  std::string looked;
  std::error_code ignored;
  for (const fs::path& place : places) {
    for (const fs::path& candidate : {place, place / set.unpacked}) {
      const bool found = set.mark.empty() ? fs::is_directory(candidate, ignored)
                                          : fs::exists(candidate / set.mark, ignored);
      if (found) return candidate;
    }
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  if (looked.empty()) {
    throw error::data("cannot find the data set " + name +
                      ", for there is no place to look in; give its directory with `data-dir`");
  }
  throw error::data("cannot find the data set " + name + " (looked in " + looked + "); " +
                    std::string(set.obtain));
}

TRIPTYCH_INLINE split load(const source& s, thread_pool* pool) {
  if (s.limit_per_file < 0) {
    throw error::usage("the limit per file is " + std::to_string(s.limit_per_file) +
                       "; give a positive number, or 0 for all");
  }
  const data_set& set = data_set_of(s.name);
  split found = set.read(s, set.place == place::nowhere ? fs::path() : locate(s.name, s.dir), pool);
  if (!s.seen) return found;
  for (const bool test : {false, true}) {
    const image_set& part = test ? found.test : found.train;
    if (part.read) continue;  // seen while it was read
    for (std::int64_t i = 0; i < part.size(); ++i) s.seen(test, part.image(i));
  }
  return found;
}

}  // namespace triptych::data
