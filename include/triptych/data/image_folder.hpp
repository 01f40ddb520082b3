// triptych/data/image_folder.hpp
//
// A directory tree as a labeled set: root/train/<class>/*.{jpg,jpeg,png,ppm} and root/test or
// root/val likewise. A root that holds the class directories itself is a training set without test
// images, and one that holds images is a single class. Classes and files go in sorted order.
//
// Images are brought to one size by the antialiased bilinear filter, shorter side first, then the
// center (augment/resize.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/decode.hpp>  // checks that the library which is linked reads the same formats
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// Decodes files one after the other into a set of one size.
class image_collector {
 public:
  /// `size` 0: that of the first image, which all others must share.
  image_collector(image_set& set, int size);

  /// Appends the image in `path` under `label`.
  void append(const fs::path& path, std::int32_t label);

 private:
  image_set& set_;
  bool fit_;
  augment::resize_workspace work_;
  std::vector<float> planes_;
};

/// Sets `mean` and `deviation` from the pixels themselves, in exact integer sums.
void measure_normalization(image_set& set);

/// Reads the tree below `root`; at most `limit_per_class` images of each class directory (0: all);
/// images of `size` x `size` (0: as they are). The normalization is measured on the training
/// images.
split read_image_folder(const fs::path& root, std::int64_t limit_per_class = 0, int size = 0);

namespace known {

inline constexpr data_set folder{.name = "folder",
                                 .place = place::given,
                                 .obtain = "give a directory of images with `data-dir`",
                                 .read = [](const source& s, const fs::path& dir, thread_pool*) {
                                   return read_image_folder(dir, s.limit_per_file, s.image_size);
                                 }};

}  // namespace known

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/image_folder_inl.hpp>
#endif
