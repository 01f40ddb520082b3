// triptych/data/image_folder_inl.hpp
//
// The bodies of image_folder.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/augment/crop.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/image_folder.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/io/file.hpp>

namespace triptych::data {

TRIPTYCH_INLINE image_collector::image_collector(image_set& set, int size)
    : set_(set), fit_(size > 0) {
  if (fit_) set_.height = set_.width = size;
}

TRIPTYCH_INLINE void image_collector::append(const fs::path& path, std::int32_t label) {
  const decoded image = decode_image(path);
  if (set_.height == 0) {
    set_.height = image.height;
    set_.width = image.width;
  }
  const bool same = image.height == set_.height && image.width == set_.width;
  if (!same && !fit_) {
    throw error::data(path.string() + " is " + std::to_string(image.width) + " x " +
                      std::to_string(image.height) + " pixels, the images before it are " +
                      std::to_string(set_.width) + " x " + std::to_string(set_.height) +
                      "; choose one size for all with `image-size`");
  }
  if (same) {
    set_.pixels.insert(set_.pixels.end(), image.pixels.begin(), image.pixels.end());
  } else {
    const std::size_t before = set_.pixels.size();
    set_.pixels.resize(before + set_.bytes_per_image());
    std::uint8_t* out = set_.pixels.data() + before;
    const std::size_t plane = set_.bytes_per_image() / 3;
    planes_.resize(3 * plane);
    augment::resize({image.pixels, image.height, image.width},
                    augment::center_crop(image.height, image.width, set_.height, set_.width),
                    augment::filter::bilinear, set_.height, set_.width, work_, planes_.data());
    for (std::size_t p = 0; p < plane; ++p, out += 3) {
      for (std::size_t c = 0; c < 3; ++c) {
        out[c] = static_cast<std::uint8_t>(std::lrint(255 * planes_[c * plane + p]));
      }
    }
  }
  set_.labels.push_back(label);
}

TRIPTYCH_INLINE void measure_normalization(image_set& set) {
  std::array<std::uint64_t, 3> sum{}, squares{};
  for (std::size_t i = 0; i < set.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint64_t v = set.pixels[i + c];
      sum[c] += v;
      squares[c] += v * v;
    }
  }
  const double n = static_cast<double>(set.pixels.size()) / 3;
  for (std::size_t c = 0; c < 3; ++c) {
    const double mean = static_cast<double>(sum[c]) / n;
    const double variance = static_cast<double>(squares[c]) / n - mean * mean;
    set.mean[c] = static_cast<float>(mean / 255);
    // A constant channel has nothing to scale; one gray level keeps the division harmless.
    set.deviation[c] = static_cast<float>(std::sqrt(variance > 1 ? variance : 1.0) / 255);
  }
}

namespace detail {

/// The class directories below `directory`, sorted.
inline std::vector<std::string> class_names(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& d : subdirectories(directory)) names.push_back(d.filename().string());
  return names;
}

/// Reads the classes below `directory` under the numbers that `classes` gives them.
inline void read_classes(const fs::path& directory, const std::vector<std::string>& classes,
                         std::int64_t limit, int size, image_set& set) {
  image_collector collector(set, size);
  const auto read = [&](const fs::path& from, std::int32_t label) {
    const auto files = image_files(from);
    if (files.empty()) {
      throw error::data(from.string() +
                        " holds no .jpg, .jpeg, .png or .ppm file; put images there or remove it");
    }
    std::int64_t taken = 0;
    for (const auto& file : files) {
      if (limit > 0 && taken++ == limit) break;
      collector.append(file, label);
    }
  };
  if (classes.empty()) return read(directory, 0);
  for (const auto& d : subdirectories(directory)) {
    const auto known = std::lower_bound(classes.begin(), classes.end(), d.filename().string());
    if (known == classes.end() || *known != d.filename().string()) {
      throw error::data(d.string() +
                        " is a class that the training images do not have; remove or rename it");
    }
    read(d, static_cast<std::int32_t>(known - classes.begin()));
  }
}

}  // namespace detail

TRIPTYCH_INLINE split read_image_folder(const fs::path& root, std::int64_t limit_per_class,
                                        int size) {
  const bool two = io::is_a_directory(root / "train");
  const fs::path train = two ? root / "train" : root;
  const std::vector<std::string> classes = detail::class_names(train);

  split s;
  s.train.name = s.test.name = "folder";
  s.train.classes = s.test.classes = classes.empty() ? 1 : static_cast<int>(classes.size());
  detail::read_classes(train, classes, limit_per_class, size, s.train);
  measure_normalization(s.train);
  s.test.mean = s.train.mean;
  s.test.deviation = s.train.deviation;
  s.test.height = s.train.height;
  s.test.width = s.train.width;
  for (const char* name : {"test", "val"}) {
    if (!two || !io::is_a_directory(root / name)) continue;
    detail::read_classes(root / name, classes, limit_per_class, size, s.test);
    break;
  }
  return s;
}

}  // namespace triptych::data
