// triptych/data/stl10_inl.hpp
//
// The bodies of stl10.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/free_memory.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/pictures.hpp>
#include <triptych/data/read_file.hpp>
#include <triptych/data/stl10.hpp>
#include <triptych/io/file.hpp>

namespace triptych::data {

namespace detail {

/// A file of images, read one by one from any thread.
class stl10_images {
 public:
  static constexpr int side = 96;
  static constexpr std::size_t bytes = placed_image{0, side, side}.bytes();

  stl10_images(const fs::path& path, std::int64_t most) : file_(io::open_input(path)) {
    count_ = static_cast<std::int64_t>(file_.size / bytes);
    if (file_.size == 0 || file_.size % bytes != 0 || count_ > most) {
      throw error::data(path.string() + " has " + std::to_string(file_.size) +
                        " bytes, which are not 1 to " + std::to_string(most) + " images of " +
                        std::to_string(bytes) + " bytes; unpack the archive again");
    }
  }

  [[nodiscard]] std::int64_t count() const { return count_; }

  /// out (96, 96, 3) <- image i.
  void read(std::int64_t i, std::uint8_t* out) const {
    std::array<std::uint8_t, bytes> columns;
    io::read_at(file_, static_cast<std::uint64_t>(i) * bytes,
                std::as_writable_bytes(std::span(columns)));
    constexpr std::size_t s = side, plane = s * s;
    for (std::size_t y = 0; y < s; ++y) {
      for (std::size_t x = 0; x < s; ++x, out += 3) {
        for (std::size_t c = 0; c < 3; ++c) out[c] = columns[c * plane + x * s + y];
      }
    }
  }

 private:
  io::input_file file_;
  std::int64_t count_ = 0;
};

inline void append_stl10_labels(const fs::path& path, std::int64_t images, std::int64_t taken,
                                std::vector<std::int32_t>& labels) {
  constexpr std::uint8_t classes = 10;
  const auto bytes = read_file(path, static_cast<std::uintmax_t>(images));
  if (static_cast<std::int64_t>(bytes.size()) != images) {
    throw error::data(path.string() + " has " + std::to_string(bytes.size()) + " labels for " +
                      std::to_string(images) + " images; unpack the archive again");
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(taken); ++i) {
    if (bytes[i] < 1 || bytes[i] > classes) {
      throw error::data(path.string() + " has label " + std::to_string(bytes[i]) + " at byte " +
                        std::to_string(i) +
                        " where stl10 allows 1 to 10; unpack the archive again");
    }
    labels.push_back(bytes[i] - 1);
  }
}

}  // namespace detail

TRIPTYCH_INLINE std::array<std::int64_t, 2> count_stl10(const fs::path& directory) {
  const auto images = [&](const char* name) {
    std::error_code none;
    const auto bytes = fs::file_size(directory / name, none);
    return none ? 0 : static_cast<std::int64_t>(bytes / detail::stl10_images::bytes);
  };
  return {images("train_X.bin") + images("unlabeled_X.bin"), images("test_X.bin")};
}

TRIPTYCH_INLINE split read_stl10(const fs::path& directory, const source& how) {
  using detail::stl10_images;
  struct numbered {
    std::shared_ptr<const stl10_images> file;
    std::int64_t taken;
  };
  std::uint64_t left = how.memory > 0 ? how.memory : free_memory() / 2;
  const auto open = [&](const char* name, std::int64_t most) {
    auto file = std::make_shared<const stl10_images>(directory / name, most);
    const std::int64_t count = file->count();
    return numbered{std::move(file),
                    how.limit_per_file > 0 ? std::min(how.limit_per_file, count) : count};
  };
  const auto fill = [&](image_set& set, std::vector<numbered> files, bool test) {
    set.name = "stl10";
    set.height = set.width = stl10_images::side;
    set.classes = 10;
    const std::uint64_t bytes = static_cast<std::uint64_t>(set.size()) * stl10_images::bytes;
    const auto at = [files = std::move(files)](std::int64_t i, std::uint8_t* out) {
      auto file = files.begin();
      for (; i >= file->taken; ++file) i -= file->taken;
      file->file->read(i, out);
    };
    if (bytes <= left) {
      left -= bytes;
      set.pixels.resize(bytes);
      for (std::int64_t i = 0; i < set.size(); ++i) {
        at(i, set.pixels.data() + static_cast<std::size_t>(i) * stl10_images::bytes);
      }
      return;
    }
    set.read = [at](std::int64_t i, std::vector<std::uint8_t>& memory) {
      memory.resize(stl10_images::bytes);
      at(i, memory.data());
      return augment::image_view{memory, stl10_images::side, stl10_images::side};
    };
    if (!how.seen) return;
    std::vector<std::uint8_t> memory;
    for (std::int64_t i = 0; i < set.size(); ++i) how.seen(test, set.read(i, memory));
  };

  split s;
  std::vector<numbered> train{open("train_X.bin", 5000)}, test{open("test_X.bin", 8000)};
  detail::append_stl10_labels(directory / "train_y.bin", train[0].file->count(), train[0].taken,
                              s.train.labels);
  detail::append_stl10_labels(directory / "test_y.bin", test[0].file->count(), test[0].taken,
                              s.test.labels);
  if (io::is_there(directory / "unlabeled_X.bin")) {
    train.push_back(open("unlabeled_X.bin", 100'000));
    s.train.labels.insert(s.train.labels.end(), static_cast<std::size_t>(train[1].taken), -1);
  }
  fill(s.train, std::move(train), false);
  fill(s.test, std::move(test), true);
  channel_statistics statistics;
  std::vector<std::uint8_t> memory;
  for (std::int64_t i = 0, labeled = s.train.labeled(); i < labeled; ++i) {
    statistics.add(channel_statistics::of(s.train.image(i, memory)));
  }
  statistics.give(s);
  return s;
}

}  // namespace triptych::data
