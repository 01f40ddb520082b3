// triptych/data/pictures.hpp
//
// Picture files as the images of a set, each of its own size: decoded once into memory where they
// fit, else read again whenever they are needed. The images are the same either way, and for any
// number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/decode.hpp>  // checks that the library which is linked reads the same formats
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>

namespace triptych::data {

/// Mean and deviation of the channels over images, each of which counts the same whatever its size.
class channel_statistics {
 public:
  /// Sums of an image's pixels and of their squares, exact.
  struct sums {
    std::array<std::uint64_t, 3> first{}, squares{};
    std::uint64_t pixels = 0;
  };
  static sums of(augment::image_view image);

  void add(const sums& image);
  /// Sets `mean` and `deviation` of `set`.
  void give(image_set& set) const;
  /// The same for both parts: test images are normalized as training images are.
  void give(split& s) const {
    give(s.train);
    give(s.test);
  }

 private:
  std::array<double, 3> mean_{}, squares_{};
  std::int64_t images_ = 0;
};

/// Sets `mean` and `deviation` from the images themselves.
void measure_normalization(image_set& set);

/// The pictures of a tree as a split: `train.mean` and so on are left as they are. `statistics`, if
/// any, are of the training images. Damaged files are refused together (error::data), or added to
/// what is skipped where `how` says so.
split read_pictures(picture_tree tree, const source& how, thread_pool* pool,
                    channel_statistics* statistics = nullptr);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/pictures_inl.hpp>
#endif
