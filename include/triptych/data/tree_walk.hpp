// triptych/data/tree_walk.hpp
//
// What lies in the directories of one tree: pictures, lists of their classes, directories.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data::detail {

/// What lies in a directory that counts, and what does not.
struct directory_content {
  std::vector<fs::path> directories, pictures, lists;
};

inline constexpr std::size_t deepest_directory = 40;

/// Looks into the directories of one tree.
class tree_walk {
 public:
  explicit tree_walk(account& skipped) : skipped_(&skipped) {}

  [[nodiscard]] directory_content look(const fs::path& directory) const {
    directory_content found;
    for (const auto& one : entries(directory)) {
      if (hidden(one.path)) {
        skip("hidden", one.path);
      } else if (one.directory) {
        found.directories.push_back(one.path);
      } else if (is_picture(one.path)) {
        found.pictures.push_back(one.path);
      } else if (const auto kind = lower_case(one.path.extension().string());
                 kind == ".txt" || kind == ".csv" || kind == ".tsv") {
        found.lists.push_back(one.path);
      } else {
        skip("not a picture", one.path);
      }
    }
    return found;
  }

  /// All pictures below `directory`, sorted by the path of their directory, then by name. A
  /// directory that links lead to again, or one of those `above`, is left out.
  [[nodiscard]] std::vector<fs::path>
  pictures_below(const fs::path& directory, const std::vector<fs::path>& above = {}) const {
    std::map<std::string, std::vector<fs::path>> by_directory;
    seen_directories seen;
    for (const auto& one : above) static_cast<void>(is_new(one, seen));
    collect(directory, 1, seen, by_directory);
    std::vector<fs::path> found;
    for (const auto& [name, pictures] : by_directory) {
      found.insert(found.end(), pictures.begin(), pictures.end());
    }
    return found;
  }

  [[nodiscard]] static bool holds_pictures(const fs::path& directory) {
    seen_directories seen;
    return holds_pictures(directory, 1, seen);
  }

  /// Whether no picture lies directly in `directory`, but some lie in directories of it.
  [[nodiscard]] static bool holds_classes_alone(const fs::path& directory) {
    bool some = false;
    for (const auto& one : entries(directory)) {
      if (hidden(one.path)) continue;
      if (!one.directory && is_picture(one.path)) return false;
      some = some || (one.directory && holds_pictures(one.path));
    }
    return some;
  }

  void skip(const char* why, const fs::path& path) const { (*skipped_)[why].push_back(path); }
  void skip(const char* why, const std::vector<fs::path>& paths) const {
    for (const auto& path : paths) skip(why, path);
  }

 private:
  using seen_directories = std::set<std::pair<dev_t, ino_t>>;

  static bool hidden(const fs::path& path) {  // also what systems leave on disks and in archives
    const std::string name = path.filename().string();
    return name.starts_with('.') || name == "__MACOSX" || name == "lost+found";
  }

  static bool is_new(const fs::path& directory, seen_directories& seen) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return true;  // listing it will say what is wrong
    return seen.emplace(status.st_dev, status.st_ino).second;
  }

  static bool holds_pictures(const fs::path& directory, std::size_t depth, seen_directories& seen) {
    if (depth > deepest_directory || !is_new(directory, seen)) return false;
    const auto all = entries(directory);
    return std::any_of(all.begin(), all.end(), [&](const entry& one) {
      if (hidden(one.path)) return false;
      return one.directory ? holds_pictures(one.path, depth + 1, seen) : is_picture(one.path);
    });
  }

  void collect(const fs::path& directory, std::size_t depth, seen_directories& seen,
               std::map<std::string, std::vector<fs::path>>& found) const {
    if (!is_new(directory, seen)) return skip("a directory that was seen before", directory);
    if (depth > deepest_directory) {
      throw error::data(directory.string() + " lies more than " +
                        std::to_string(deepest_directory) +
                        " directories deep in its class; move its pictures up");
    }
    directory_content c = look(directory);
    skip("not a picture", c.lists);
    found[directory.string()] = std::move(c.pictures);
    for (const auto& below : c.directories) collect(below, depth + 1, seen, found);
  }

  account* skipped_;
};

}  // namespace triptych::data::detail
