// triptych/data/picture_tree_inl.hpp
//
// The bodies of picture_tree.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/data/annotations.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/data/tree_walk.hpp>

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

inline std::string shown_names(const std::vector<fs::path>& paths) {
  return first_few(paths, 3, [](const fs::path& one) { return one.filename().string(); });
}

/// The directories of a tree's root by what they are.
struct tree_parts {
  std::array<std::vector<fs::path>, 5> of;  ///< by part
  std::vector<fs::path> others;             ///< with pictures below
};

inline tree_parts parts_of(const fs::path& root, const directory_content& top,
                           const tree_walk& walk) {
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
  const detail::directory_content c = walk.look(directory);
  walk.skip("not a picture", c.lists);
  return c.pictures;
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

TRIPTYCH_INLINE picture_tree find_pictures(const fs::path& root, std::int64_t limit_per_class) {
  picture_tree tree;
  tree.root = root;
  const detail::tree_walk walk(tree.skipped);
  const detail::directory_content top = walk.look(root);
  const detail::tree_parts parts = detail::parts_of(root, top, walk);
  const bool divided = !parts.of[0].empty();
  std::vector<fs::path> used_lists;

  // A part's directories with the classes' names; whatever else it holds is loose.
  const auto look_at = [&](const fs::path& directory, bool training) {
    const detail::directory_content inside = directory == root ? top : walk.look(directory);
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
      files = label_by(*part.labels, directory, part.loose, training, tree.classes);
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
