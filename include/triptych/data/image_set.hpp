// triptych/data/image_set.hpp
//
// Labeled 8-bit images with the constants that normalize them: of one size or each of its own, in
// memory or read as needed.
//
// Shapes: an image (H, W, 3), labels (N).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/core/error.hpp>

namespace triptych::data {

/// Where an image begins in the pixels of its set, and its size.
struct placed_image {
  std::size_t first = 0;
  int height = 0, width = 0;

  [[nodiscard]] constexpr std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
  }
};

struct image_set {
  std::string name;
  int height = 0, width = 0;  ///< of every image; 0 where each has a size of its own
  int classes = 0;
  std::vector<std::uint8_t> pixels{};  ///< one image behind the other
  std::vector<std::int32_t>
      labels{};  ///< (N), each below `classes`; -1, of the last ones alone: unknown
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};  ///< of pixels scaled to [0, 1]
  std::vector<placed_image> places{};                      ///< (N) where sizes differ, else none
  std::vector<std::string> class_names{};                  ///< (classes), or none
  /// (N) of a set of picture files: their paths below its directory; else none.
  std::vector<std::string> files{};
  /// Image i of a set that does not lie in memory, in the buffer that it is given; called from
  /// several threads. Else null.
  std::function<augment::image_view(std::int64_t i, std::vector<std::uint8_t>&)> read{};

  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(labels.size());
  }
  /// Images with a label: the first ones.
  [[nodiscard]] std::int64_t labeled() const noexcept {
    return std::find(labels.begin(), labels.end(), -1) - labels.begin();
  }
  /// Whether all lie in `pixels`, each height x width.
  [[nodiscard]] bool uniform() const noexcept { return !read && places.empty(); }

  /// Image i. A set that is read as needed puts it into `memory`, where it stays until that is used
  /// again. error::usage if there is no such image.
  [[nodiscard]] augment::image_view image(std::int64_t i, std::vector<std::uint8_t>& memory) const {
    if (i >= 0 && i < size() && read) return read(i, memory);
    const auto at = static_cast<std::size_t>(i);
    placed_image p{0, height, width};
    p.first = at * p.bytes();
    if (at < places.size()) p = places[at];
    if (i < 0 || i >= size() || p.first + p.bytes() > pixels.size()) {
      throw error::usage("image " + std::to_string(i) + " of the set " + name + ", which has " +
                         std::to_string(size()) + " labels and " + std::to_string(pixels.size()) +
                         " bytes of pixels; ask for one that it has");
    }
    return {std::span(pixels).subspan(p.first, p.bytes()), p.height, p.width};
  }
  /// Image i of a set in memory.
  [[nodiscard]] augment::image_view image(std::int64_t i) const {
    std::vector<std::uint8_t> none;
    return image(i, none);
  }
  [[nodiscard]] augment::normalization normalization() const { return {mean, deviation}; }
};

/// What became of the files of a data set that are no images of it: the reason, and which.
using account = std::map<std::string, std::vector<std::filesystem::path>>;

/// The images to learn from and those to judge by.
struct split {
  image_set train, test;
  account skipped{};
};

}  // namespace triptych::data
