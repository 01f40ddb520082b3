// What lies in a directory, to be compared, and without its lists.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <triptych/io/owned_names.hpp>

#include "support/text_of.hpp"

namespace triptych::test {

namespace fs = std::filesystem;

/// Every file below a directory, by its path there, and where each link leads.
inline std::map<std::string, std::string> everything_in(const fs::path& root) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto name = entry.path().lexically_relative(root).string();
    if (entry.is_symlink()) {
      all[name] = fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      all[name] = text_of(entry.path());
    }
  }
  return all;
}

/// Makes of a run what a version without lists, and without model cards, left.
inline void remove_lists(const fs::path& root) {
  for (const auto& [name, text] : everything_in(root)) {
    if (fs::path(name).filename() == io::marker_name) fs::remove(root / name);
  }
}

}  // namespace triptych::test
