// triptych/data/tiny_imagenet_inl.hpp
//
// The bodies of tiny_imagenet.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/pictures.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/data/tiny_imagenet.hpp>

namespace triptych::data {

namespace detail {

/// A name from a text file must name something in the directory that it is looked up in.
inline bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

}  // namespace detail

TRIPTYCH_INLINE split read_tiny_imagenet(const fs::path& root, const source& how,
                                         thread_pool* pool) {
  picture_tree tree;
  tree.root = root;
  const fs::path list = root / "wnids.txt";
  auto& wnids = tree.classes;
  for (auto& line : read_lines(list)) wnids.push_back(std::move(line.text));
  std::sort(wnids.begin(), wnids.end());
  if (wnids.empty() || !std::all_of(wnids.begin(), wnids.end(), detail::plain_name) ||
      std::adjacent_find(wnids.begin(), wnids.end()) != wnids.end()) {
    throw error::data(list.string() +
                      " must hold one class name a line, each once; unpack the archive again");
  }
  for (std::size_t c = 0; c < wnids.size(); ++c) {
    const fs::path directory = root / "train" / wnids[c] / "images";
    const auto pictures = pictures_in(directory, tree.skipped);
    if (pictures.empty()) {
      throw error::data(directory.string() + " holds no image; unpack the archive again");
    }
    for (const auto& file : pictures) tree.train.push_back({file, static_cast<std::int32_t>(c)});
  }

  const fs::path annotations = root / "val" / "val_annotations.txt";
  std::unordered_set<std::string> named;  // an image that came again would cost as much again
  for (const auto& a : read_annotations(annotations)) {
    const auto refuse = [&](const std::string& what) {
      return error::data(annotations.string() + ", line " + std::to_string(a.line) + ": " + what +
                         "; unpack the archive again");
    };
    const std::int32_t label = label_of(wnids, a.label);
    if (!detail::plain_name(a.file) || label < 0) {
      throw refuse("expected an image and one of the classes of wnids.txt");
    }
    if (!named.insert(a.file).second) throw refuse("an image that was named before");
    tree.test.push_back({root / "val" / "images" / a.file, label});
  }
  if (tree.test.empty()) {
    throw error::data(annotations.string() + " names no image; unpack the archive again");
  }
  for (auto* files : {&tree.train, &tree.test}) {
    keep_labeled(*files, wnids.size(), how.limit_per_file, tree.skipped);
  }

  split s = read_pictures(std::move(tree), how, pool);
  for (image_set* set : {&s.train, &s.test}) {
    set->name = "tiny_imagenet";
    set->mean = {0.4802f, 0.4481f, 0.3975f};
    set->deviation = {0.2770f, 0.2691f, 0.2821f};
  }
  return s;
}

TRIPTYCH_INLINE std::array<std::int64_t, 2> count_tiny_imagenet(const fs::path& root) {
  account skipped;
  const auto pictures = [&](const fs::path& directory) {
    return static_cast<std::int64_t>(pictures_in(directory, skipped).size());
  };
  std::array<std::int64_t, 2> found{0, pictures(root / "val" / "images")};
  for (const auto& one : entries(root / "train")) {
    if (one.directory) found[0] += pictures(one.path / "images");
  }
  return found;
}

}  // namespace triptych::data
