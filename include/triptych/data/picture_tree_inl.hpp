// triptych/data/picture_tree_inl.hpp
//
// The bodies of picture_tree.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

namespace detail {

/// The parts of a tree by the names of their directories, the preferred test part first.
enum class part { train, test, validation, evaluation, unlabeled, none };

inline part part_of(const fs::path& directory) {
  const std::string name = lower_case(directory.filename().string());
  const auto is = [&name](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (is({"train", "training"})) return part::train;
  if (is({"test", "testing"})) return part::test;
  if (is({"val", "valid", "validation", "dev"})) return part::validation;
  if (is({"eval", "evaluation"})) return part::evaluation;
  if (is({"unlabeled", "unlabelled", "unsup"})) return part::unlabeled;
  return part::none;
}

/// What lies in a directory that counts, and what does not.
struct content {
  std::vector<fs::path> directories, pictures, lists;
};

inline constexpr std::size_t deepest_directory = 40;

/// Looks into the directories of one tree.
class tree_walk {
 public:
  explicit tree_walk(account& skipped) : skipped_(&skipped) {}

  [[nodiscard]] content look(const fs::path& directory) const {
    content found;
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
    content c = look(directory);
    skip("not a picture", c.lists);
    found[directory.string()] = std::move(c.pictures);
    for (const auto& below : c.directories) collect(below, depth + 1, seen, found);
  }

  account* skipped_;
};

/// Pictures of a part by class, or without any.
struct part_content {
  std::vector<fs::path> classes;  ///< their directories, each with pictures below
  std::vector<fs::path> loose;    ///< pictures that lie in none
  std::vector<fs::path> lists;
  std::optional<fs::path> labels;  ///< the list that gives them
};

/// Names of the files whose content names the classes of the pictures of `part`.
inline std::optional<fs::path> annotations_of(const fs::path& root, const fs::path& part,
                                              const std::vector<fs::path>& inside,
                                              const std::vector<fs::path>& beside) {
  const std::string name = lower_case(part.filename().string());
  const auto find = [&](const std::vector<fs::path>& lists, bool own) -> std::optional<fs::path> {
    for (const auto& list : lists) {
      const std::string stem = lower_case(list.stem().string());
      if (stem == name || stem == name + "_annotations" || stem == name + "_labels" ||
          (own && (stem == "annotations" || stem == "labels" || stem == "metadata"))) {
        return list;
      }
    }
    return std::nullopt;
  };
  if (auto own = find(inside, true)) return own;
  return part == root ? std::nullopt : find(beside, part_of(part) == part::train);
}

/// The label of each picture by `list`, whose lines that name none are a heading or of another
/// part. For the training part, whose directories have named no class, `classes` become those of
/// the list.
inline std::vector<labeled_file> annotated(const fs::path& part, const fs::path& list,
                                           const std::vector<fs::path>& pictures, bool training,
                                           std::vector<std::string>& classes) {
  std::unordered_map<std::string, std::size_t> places;  // by path, name and stem; several: the end
  const auto add = [&](const std::string& name, std::size_t at) {
    const auto [it, fresh] = places.emplace(name, at);
    if (!fresh && it->second != at) it->second = pictures.size();
  };
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    add(pictures[i].lexically_relative(part).string(), i);
    add(pictures[i].filename().string(), i);
    add(pictures[i].stem().string(), i);
  }
  const auto lines = read_annotations(list);
  const auto place = [&](const annotation& a) {
    const auto it = places.find(a.file);
    return it == places.end() ? pictures.size() : it->second;
  };
  std::int64_t named = 0, labeled = 0;
  for (const auto& a : lines) {
    named += place(a) < pictures.size();
    labeled += place(a) < pictures.size() && !a.label.empty();
  }
  if (named == 0 && !pictures.empty()) {
    throw error::data(list.string() + " names no picture of " + part.string() +
                      "; write lines of a file's name and its class, such as " +
                      pictures.front().filename().string() + ",cat, or rename the list");
  }
  if (classes.empty() && !training && labeled > 0) {
    throw error::data(list.string() + " gives classes to test images, and the training images have "
                                      "none; give those a list, too, or remove this one");
  }
  if (classes.empty()) {
    for (const auto& a : lines) {
      if (place(a) < pictures.size() && !a.label.empty()) classes.push_back(a.label);
    }
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  }
  std::vector<std::int32_t> labels(pictures.size(), -1);
  for (const auto& a : lines) {
    const std::size_t at = place(a);
    if (at == pictures.size()) continue;  // a heading, or a picture of another part
    const auto refuse = [&](const std::string& what) {
      return error::data(list.string() + ", line " + std::to_string(a.line) + ": " + what);
    };
    if (labeled == 0) continue;  // the list of a part without labels
    if (a.label.empty()) throw refuse("'" + a.file + "' has no class; give it one");
    const std::int32_t label = label_of(classes, a.label);
    if (label < 0) {
      throw refuse("'" + a.label +
                   "' is a class that the training images do not have; correct or remove the line");
    }
    if (labels[at] >= 0) {
      throw refuse("'" + a.file + "' was named before; remove one of the lines");
    }
    labels[at] = label;
  }
  std::vector<labeled_file> files;
  for (std::size_t i = 0; i < pictures.size(); ++i) files.push_back({pictures[i], labels[i]});
  return files;
}

inline std::string shown_names(const std::vector<fs::path>& paths) {
  return first_few(paths, 3, [](const fs::path& one) { return one.filename().string(); });
}

/// The directories of a tree's root by what they are.
struct tree_parts {
  std::array<std::vector<fs::path>, 5> of;  ///< by part
  std::vector<fs::path> others;             ///< with pictures below
};

inline tree_parts parts_of(const fs::path& root, const content& top, const tree_walk& walk) {
  tree_parts parts;
  for (const auto& d : top.directories) {
    const part p = part_of(d);
    if (p != part::none) {
      parts.of[static_cast<std::size_t>(p)].push_back(d);
    } else if (tree_walk::holds_pictures(d)) {
      parts.others.push_back(d);
    } else {
      walk.skip("a directory without pictures", d);
    }
  }
  std::vector<fs::path> named;
  for (const auto& one : parts.of) {
    named.insert(named.end(), one.begin(), one.end());
    if (one.size() > 1) {
      throw error::data(root.string() + " holds " + shown_names(one) +
                        ", which are names of the same part; keep one of them there");
    }
  }
  if (named.empty()) return parts;
  // Where the training part holds classes, what lies beside it is neither a part nor a class.
  if (!parts.others.empty() &&
      (parts.of[0].empty() || !walk.holds_classes_alone(parts.of[0].front()))) {
    throw error::data("cannot tell parts from classes in " + root.string() + ": " +
                      shown_names(named) + " beside " + shown_names(parts.others) +
                      "; move the directories of all classes into " + (root / "train").string() +
                      ", those of test images into " + (root / "test").string());
  }
  walk.skip("beside the parts", parts.others);
  if (parts.of[0].empty()) {
    throw error::data(root.string() + " holds " + shown_names(named) +
                      " and no training images; call their directory " + (root / "train").string());
  }
  return parts;
}

}  // namespace detail

TRIPTYCH_INLINE std::vector<fs::path> pictures_in(const fs::path& directory, account& skipped) {
  const detail::tree_walk walk(skipped);
  const detail::content c = walk.look(directory);
  walk.skip("not a picture", c.lists);
  return c.pictures;
}

TRIPTYCH_INLINE std::int32_t label_of(const std::vector<std::string>& classes,
                                      const std::string& name) {
  const auto at = std::lower_bound(classes.begin(), classes.end(), name);
  return at == classes.end() || *at != name ? -1 : static_cast<std::int32_t>(at - classes.begin());
}

TRIPTYCH_INLINE void keep_labeled(std::vector<labeled_file>& files, std::size_t classes,
                                  std::int64_t limit, account& skipped) {
  std::vector<std::int64_t> taken(std::max<std::size_t>(classes, 1));
  std::vector<labeled_file> kept;
  for (auto& file : files) {
    if (file.label < 0) {
      skipped["without a label"].push_back(file.path);
    } else if (limit > 0 && taken[static_cast<std::size_t>(file.label)]++ >= limit) {
      skipped["beyond the limit of a class"].push_back(file.path);
    } else {
      kept.push_back(std::move(file));
    }
  }
  files = std::move(kept);
}

TRIPTYCH_INLINE std::vector<numbered_line> read_lines(const fs::path& path) {
  const auto bytes = read_file(path, longest_list);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte-order mark
  std::vector<numbered_line> lines;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (lines.size() == most_lines) {
      throw error::data(path.string() + " has more than " + std::to_string(most_lines) +
                        " lines; split it, or unpack the archive again");
    }
    lines.push_back({number, std::string(line)});
  }
  return lines;
}

TRIPTYCH_INLINE std::vector<annotation> read_annotations(const fs::path& path) {
  std::vector<annotation> list;
  for (const auto& [number, line] : read_lines(path)) {
    const std::string& text = line;
    const char separator = text.find('\t') != text.npos  ? '\t'
                           : text.find(',') != text.npos ? ','
                           : text.find(';') != text.npos ? ';'
                                                         : ' ';
    std::size_t at = 0;
    const auto field = [&] {
      if (separator == ' ') at = std::min(text.find_first_not_of(' ', at), text.size());
      const auto end = std::min(text.find(separator, at), text.size());
      const std::string one = text.substr(at, end - at);
      at = std::min(end + 1, text.size());
      const auto first = one.find_first_not_of(" \""), last = one.find_last_not_of(" \"");
      return first == one.npos ? std::string() : one.substr(first, last - first + 1);
    };
    annotation a{number, field(), {}};
    a.label = field();
    list.push_back(std::move(a));
  }
  return list;
}

TRIPTYCH_INLINE picture_tree find_pictures(const fs::path& root, std::int64_t limit_per_class) {
  picture_tree tree;
  tree.root = root;
  const detail::tree_walk walk(tree.skipped);
  const detail::content top = walk.look(root);
  const detail::tree_parts parts = detail::parts_of(root, top, walk);
  const bool divided = !parts.of[0].empty();
  std::vector<fs::path> used_lists;

  // A part's directories with the classes' names; whatever else it holds is loose.
  const auto look_at = [&](const fs::path& directory, bool training) {
    const detail::content inside = directory == root ? top : walk.look(directory);
    detail::part_content part{{}, inside.pictures, inside.lists, {}};
    part.labels = detail::annotations_of(root, directory, inside.lists, top.lists);
    const auto& below_it = inside.directories;
    const auto known = [&](const fs::path& d) {
      return label_of(tree.classes, d.filename().string()) >= 0;
    };
    const auto holds = [](const fs::path& d) { return detail::tree_walk::holds_pictures(d); };
    // A single directory holds all pictures where their classes are not directories.
    const bool by_class = (training && !part.labels) ||
                          std::any_of(below_it.begin(), below_it.end(), known) ||
                          std::count_if(below_it.begin(), below_it.end(), holds) > 1;
    for (const auto& d : directory == root ? parts.others : inside.directories) {
      if (by_class) {
        part.classes.push_back(d);
        continue;
      }
      const auto below = walk.pictures_below(d, {root, directory});
      part.loose.insert(part.loose.end(), below.begin(), below.end());
    }
    return part;
  };
  const auto take = [&](const fs::path& directory, const detail::part_content& part, bool training,
                        std::vector<labeled_file>& files) {
    if (part.labels && part.classes.empty()) {
      files = detail::annotated(directory, *part.labels, part.loose, training, tree.classes);
      used_lists.push_back(*part.labels);
    } else if (part.classes.empty()) {
      const std::int32_t label = tree.classes.empty() ? 0 : -1;
      for (const auto& picture : part.loose) files.push_back({picture, label});
    } else {
      walk.skip("without a label", part.loose);
      for (const auto& d : part.classes) {
        const auto pictures = walk.pictures_below(d, {root, directory});
        if (pictures.empty() && training) {
          throw error::data(d.string() +
                            " is a class without a picture; put pictures there or remove it");
        }
        if (pictures.empty()) continue;
        const std::int32_t label = label_of(tree.classes, d.filename().string());
        if (label < 0) {
          throw error::data(
              d.string() + " is a class that the training images do not have; remove or rename it");
        }
        for (const auto& picture : pictures) files.push_back({picture, label});
      }
    }
  };

  const fs::path train = divided ? parts.of[0].front() : root;
  const detail::part_content training = look_at(train, true);
  std::vector<fs::path> lists = top.lists;
  if (divided) lists.insert(lists.end(), training.lists.begin(), training.lists.end());
  for (const auto& d : training.classes) tree.classes.push_back(d.filename().string());
  take(train, training, true, tree.train);
  keep_labeled(tree.train, tree.classes.size(), limit_per_class, tree.skipped);
  if (tree.train.empty()) {
    throw error::data(
        train.string() +
        " holds no picture of a class; put pictures there, or give another directory");
  }

  constexpr auto last = static_cast<std::size_t>(detail::part::unlabeled);
  if (!parts.of[last].empty()) {
    const auto pictures = walk.pictures_below(parts.of[last].front(), {root});
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      if (limit_per_class > 0 && std::cmp_greater_equal(i, limit_per_class)) {
        walk.skip("beyond the limit of a class", pictures[i]);
      } else {
        tree.train.push_back({pictures[i], -1});
      }
    }
  }

  for (std::size_t p = 1; p < last; ++p) {
    if (parts.of[p].empty()) continue;
    const fs::path& directory = parts.of[p].front();
    if (!tree.test.empty()) {
      walk.skip("of a second test part", walk.pictures_below(directory, {root}));
      continue;
    }
    const detail::part_content part = look_at(directory, false);
    take(directory, part, false, tree.test);
    keep_labeled(tree.test, tree.classes.size(), limit_per_class, tree.skipped);
    lists.insert(lists.end(), part.lists.begin(), part.lists.end());
  }
  if (divided) walk.skip("without a label", top.pictures);
  for (const auto& list : lists) {
    const bool used = std::find(used_lists.begin(), used_lists.end(), list) != used_lists.end();
    if (!used) walk.skip("not a picture", list);
  }
  return tree;
}

}  // namespace triptych::data
