// triptych/data/pictures_inl.hpp
//
// The bodies of pictures.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/free_memory.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/pictures.hpp>

namespace triptych::data {

TRIPTYCH_INLINE channel_statistics::sums channel_statistics::of(augment::image_view image) {
  sums s;
  s.pixels = image.pixels.size() / 3;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint64_t v = image.pixels[i + c];
      s.first[c] += v;
      s.squares[c] += v * v;
    }
  }
  return s;
}

TRIPTYCH_INLINE void channel_statistics::add(const sums& image) {
  const auto n = static_cast<double>(image.pixels);
  for (std::size_t c = 0; c < 3; ++c) {
    mean_[c] += static_cast<double>(image.first[c]) / n;
    squares_[c] += static_cast<double>(image.squares[c]) / n;
  }
  ++images_;
}

TRIPTYCH_INLINE void channel_statistics::give(image_set& set) const {
  const auto n = static_cast<double>(images_);
  for (std::size_t c = 0; c < 3; ++c) {
    const double mean = mean_[c] / n, variance = squares_[c] / n - mean * mean;
    set.mean[c] = static_cast<float>(mean / 255);
    // A constant channel has nothing to scale; one gray level keeps the division harmless.
    set.deviation[c] = static_cast<float>(std::sqrt(variance > 1 ? variance : 1.0) / 255);
  }
}

TRIPTYCH_INLINE void measure_normalization(image_set& set) {
  channel_statistics statistics;
  std::vector<std::uint8_t> memory;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    statistics.add(channel_statistics::of(set.image(i, memory)));
  }
  if (set.size() > 0) statistics.give(set);
}

namespace detail {

/// A file that could not be decoded, and why.
struct damaged_picture {
  fs::path path;
  std::string why;
};

[[noreturn]] inline void refuse(const std::vector<damaged_picture>& damaged, std::size_t of) {
  const auto shown = [](const damaged_picture& one) {
    std::string why = one.why;
    std::replace(why.begin(), why.end(), ';', ',');  // what comes behind the last one is advice
    return one.path.string() + ": " + why;
  };
  const bool one = damaged.size() == 1;
  throw error::data(
      "cannot decode " +
      (one ? std::string()
           : std::to_string(damaged.size()) + " of " + std::to_string(of) + " pictures: ") +
      first_few(damaged, 10, shown) + "; replace or remove " + (one ? "this file" : "them") +
      ", or leave such files out with `on-bad-image` skip");
}

/// Reads the pictures of one part after the other.
class picture_reader {
 public:
  picture_reader(const source& how, const fs::path& root, thread_pool* pool)
      : how_(how), root_(root), pool_(pool),
        left_(how.memory > 0 ? how.memory : free_memory() / 2) {}

  void read(std::vector<labeled_file> files, bool test, image_set& set,
            channel_statistics* statistics) {
    std::vector<labeled_file> good;
    bool fits = true, reserved = false;
    std::vector<slot> slots;
    std::uint64_t bytes = 0;  // of those that were decoded
    for (std::size_t begin = 0, count = 0; begin < files.size(); begin += count) {
      count = std::min(at_once, files.size() - begin);
      slots.resize(std::max(slots.size(), count));
      decode(files, begin, static_cast<std::int64_t>(count), slots, statistics != nullptr);
      for (std::size_t i = 0; i < count; ++i) {
        slot& one = slots[i];
        auto& file = files[begin + i];
        if (!one.done) {  // there was no room for it beside the others
          count = i;
          break;
        }
        if (!one.problem.empty()) {
          damaged_.push_back({file.path, one.problem});
          continue;
        }
        if (statistics != nullptr) statistics->add(one.sums);
        bytes += one.image.pixels.size();
        const placed_image place{set.pixels.size(), one.image.height, one.image.width};
        if (fits && place.bytes() > left_) {
          fits = false;
          show(set, test);
          left_ += set.pixels.size();
          set.pixels = {};
        }
        if (fits) {
          left_ -= place.bytes();
          make_room(set.pixels, place.bytes());
          set.pixels.insert(set.pixels.end(), one.image.pixels.begin(), one.image.pixels.end());
        } else if (how_.seen) {
          how_.seen(test, {one.image.pixels, one.image.height, one.image.width});
        }
        set.places.push_back(place);
        set.labels.push_back(file.label);
        set.files.push_back(file.path.lexically_relative(root_).string());
        good.push_back(std::move(file));
        if (place.bytes() > (std::size_t{1} << 20)) one.image.pixels = {};
      }
      if (!reserved && fits && begin + count >= 500) {  // those to come will be like these
        const double each = static_cast<double>(bytes) / static_cast<double>(begin + count);
        const double all = 1.01 * each * static_cast<double>(files.size());
        set.pixels.reserve(static_cast<std::size_t>(
            std::min(all, static_cast<double>(set.pixels.size() + left_))));
        reserved = true;
      }
    }
    settle(set);
    if (fits) return;
    set.read = [files = std::make_shared<const std::vector<labeled_file>>(std::move(good))](
                   std::int64_t i, std::vector<std::uint8_t>& memory) {
      const auto& path = (*files)[static_cast<std::size_t>(i)].path;
      decoded image = decode_image(path);
      memory = std::move(image.pixels);
      return augment::image_view{memory, image.height, image.width};
    };
  }

  [[nodiscard]] const std::vector<damaged_picture>& damaged() const { return damaged_; }

 private:
  static constexpr std::size_t at_once = 512;  ///< pictures that are decoded before they are taken,
  static constexpr std::size_t beside = std::size_t{16}
                                        << 20;  ///< bytes after which no more are begun

  /// Grows by half, not to twice the size, and never beyond what may be taken.
  void make_room(std::vector<std::uint8_t>& pixels, std::size_t more) const {
    const std::size_t needed = pixels.size() + more;
    if (needed <= pixels.capacity()) return;
    pixels.reserve(static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(needed, pixels.size() / 2 * 3), needed + left_)));
  }

  struct slot {
    decoded image;
    std::string problem;
    channel_statistics::sums sums;
    bool done = false;
  };

  void decode(const std::vector<labeled_file>& files, std::size_t begin, std::int64_t count,
              std::vector<slot>& slots, bool measured) const {
    std::atomic<std::size_t> taken = 0;
    const auto one = [&](std::int64_t i) {
      slot& to = slots[static_cast<std::size_t>(i)];
      to.done = i == 0 || taken < beside;
      if (!to.done) return;
      try {
        to.problem = try_decode(files[begin + static_cast<std::size_t>(i)].path, to.image);
      } catch (const error& e) {
        if (e.kind() != error_kind::data) throw;
        to.problem = e.what();  // names the file, which the list does, too
        const std::string path = files[begin + static_cast<std::size_t>(i)].path.string() + " ";
        if (to.problem.starts_with(path)) to.problem.replace(0, path.size(), "it ");
      }
      taken += to.image.pixels.size();
      if (measured && to.problem.empty()) {
        to.sums = channel_statistics::of({to.image.pixels, to.image.height, to.image.width});
      }
    };
    if (pool_ != nullptr) {
      pool_->run(count, one);
    } else {
      for (std::int64_t i = 0; i < count; ++i) one(i);
    }
  }

  /// Shows the images that lie in memory.
  void show(const image_set& set, bool test) const {
    if (!how_.seen) return;
    for (std::int64_t i = 0; i < set.size(); ++i) how_.seen(test, set.image(i));
  }

  /// Places are for images of several sizes.
  static void settle(image_set& set) {
    if (set.places.empty()) return;
    const auto& first = set.places.front();
    const bool same = std::all_of(set.places.begin(), set.places.end(), [&](const auto& p) {
      return p.height == first.height && p.width == first.width;
    });
    if (!same) return;
    set.height = first.height;
    set.width = first.width;
    set.places = {};
  }

  const source& how_;
  const fs::path& root_;
  thread_pool* pool_;
  std::uint64_t left_;  ///< bytes for pixels
  std::vector<damaged_picture> damaged_;
};

}  // namespace detail

TRIPTYCH_INLINE split read_pictures(picture_tree tree, const source& how, thread_pool* pool,
                                    channel_statistics* statistics) {
  split s;
  s.skipped = std::move(tree.skipped);
  for (image_set* set : {&s.train, &s.test}) {
    set->classes = tree.classes.empty() ? 1 : static_cast<int>(tree.classes.size());
    set->class_names = tree.classes;
  }
  const std::size_t count = tree.train.size() + tree.test.size();
  detail::picture_reader reader(how, tree.root, pool);
  reader.read(std::move(tree.train), false, s.train, statistics);
  reader.read(std::move(tree.test), true, s.test, nullptr);
  if (!reader.damaged().empty() && !how.skip_damaged) detail::refuse(reader.damaged(), count);
  if (s.train.labeled() == 0) {
    throw error::data("no training picture with a label is left, for " +
                      std::to_string(reader.damaged().size()) + " of " + std::to_string(count) +
                      " pictures cannot be decoded, such as " +
                      reader.damaged().front().path.string() + "; give others");
  }
  for (const auto& one : reader.damaged()) s.skipped["damaged: " + one.why].push_back(one.path);
  return s;
}

}  // namespace triptych::data
