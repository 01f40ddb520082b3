// triptych/data/tiny_imagenet_inl.hpp
//
// The bodies of tiny_imagenet.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <unordered_set>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/image_folder.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/data/tiny_imagenet.hpp>

namespace triptych::data {

namespace detail {

/// The lines of a small text file, without empty ones and line ends.
inline std::vector<std::string> read_lines(const fs::path& path) {
  const auto bytes = read_file(path, longest_list);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    if (lines.size() == most_lines) {
      throw error::data(path.string() + " has more than 1,000,000 lines; unpack the archive again");
    }
    lines.push_back(line);
  }
  return lines;
}

/// A name from a text file must name something in the directory that it is looked up in.
inline bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

}  // namespace detail

TRIPTYCH_INLINE split read_tiny_imagenet(const fs::path& root, std::int64_t limit_per_class,
                                         int size) {
  const fs::path list = root / "wnids.txt";
  std::vector<std::string> wnids = detail::read_lines(list);
  std::sort(wnids.begin(), wnids.end());
  if (wnids.empty() || !std::all_of(wnids.begin(), wnids.end(), detail::plain_name) ||
      std::adjacent_find(wnids.begin(), wnids.end()) != wnids.end()) {
    throw error::data(list.string() +
                      " must hold one class name a line, each once; unpack the archive again");
  }

  split s;
  for (image_set* set : {&s.train, &s.test}) {
    set->name = "tiny_imagenet";
    set->classes = static_cast<int>(wnids.size());
    set->mean = {0.4802f, 0.4481f, 0.3975f};
    set->deviation = {0.2770f, 0.2691f, 0.2821f};
  }

  image_collector train(s.train, size);
  for (std::size_t c = 0; c < wnids.size(); ++c) {
    const fs::path directory = root / "train" / wnids[c] / "images";
    const auto files = image_files(directory);
    if (files.empty()) {
      throw error::data(directory.string() + " holds no image; unpack the archive again");
    }
    std::int64_t taken = 0;
    for (const auto& file : files) {
      if (limit_per_class > 0 && taken++ == limit_per_class) break;
      train.append(file, static_cast<std::int32_t>(c));
    }
  }

  const fs::path annotations = root / "val" / "val_annotations.txt";
  image_collector test(s.test, size);
  std::vector<std::int64_t> taken(wnids.size());
  std::unordered_set<std::string> named;  // an image that came again would cost as much again
  std::int64_t number = 0;
  for (const std::string& line : detail::read_lines(annotations)) {
    ++number;
    std::istringstream fields(line);
    std::string file, wnid;
    fields >> file >> wnid;
    const auto c = std::lower_bound(wnids.begin(), wnids.end(), wnid);
    if (!detail::plain_name(file) || c == wnids.end() || *c != wnid) {
      throw error::data(annotations.string() + ", line " + std::to_string(number) +
                        ": expected an image and one of the classes of wnids.txt; unpack the "
                        "archive again");
    }
    if (!named.insert(file).second) {
      throw error::data(annotations.string() + ", line " + std::to_string(number) +
                        ": an image that was named before; unpack the archive again");
    }
    const auto label = static_cast<std::size_t>(c - wnids.begin());
    if (limit_per_class > 0 && taken[label]++ >= limit_per_class) continue;
    test.append(root / "val" / "images" / file, static_cast<std::int32_t>(label));
  }
  if (s.test.size() == 0) {
    throw error::data(annotations.string() + " names no image; unpack the archive again");
  }
  return s;
}

TRIPTYCH_INLINE std::array<std::int64_t, 2> count_tiny_imagenet(const fs::path& root) {
  const auto pictures = [](const fs::path& directory) {
    return static_cast<std::int64_t>(image_files(directory).size());
  };
  std::array<std::int64_t, 2> found{0, pictures(root / "val" / "images")};
  for (const auto& one : subdirectories(root / "train")) found[0] += pictures(one / "images");
  return found;
}

}  // namespace triptych::data
