#include <triptych/data/stl10.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <triptych/data/fill.hpp>
#include <triptych/data/registry.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

using stl10_bytes = std::vector<std::uint8_t>;

/// Images whose pixel at row y, column x of channel c is of their own.
std::uint8_t stl10_pixel(int image, std::size_t y, std::size_t x, std::size_t c) {
  return static_cast<std::uint8_t>(static_cast<std::size_t>(31 * image) + 7 * y + 3 * x + 101 * c);
}

stl10_bytes stl10_images_file(int first, int count) {
  stl10_bytes file;
  for (int i = first; i < first + count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t x = 0; x < 96; ++x) {
        for (std::size_t y = 0; y < 96; ++y) file.push_back(stl10_pixel(i, y, x, c));
      }
    }
  }
  return file;
}

void write_stl10(const temporary_directory& dir) {
  dir.write("train_X.bin", stl10_images_file(0, 3));
  dir.write("train_y.bin", stl10_bytes{10, 1, 2});
  dir.write("test_X.bin", stl10_images_file(3, 2));
  dir.write("test_y.bin", stl10_bytes{5, 6});
  dir.write("unlabeled_X.bin", stl10_images_file(5, 4));
}

}  // namespace

TEST_CASE("STL-10 is read by column, with its unlabeled images behind the others") {
  const temporary_directory dir;
  write_stl10(dir);
  const split s = load({.name = "stl10", .dir = dir.path()});
  CHECK(s.train.labels == std::vector<std::int32_t>{9, 0, 1, -1, -1, -1, -1});
  CHECK(s.test.labels == std::vector<std::int32_t>{4, 5});
  CHECK(s.train.height == 96);
  for (const std::int64_t i : {0, 2, 6}) {
    const int number = static_cast<int>(i < 3 ? i : i + 2);
    const auto image = s.train.image(i).pixels;
    for (const std::size_t y : {0u, 5u, 95u}) {
      for (const std::size_t x : {0u, 60u, 95u}) {
        for (std::size_t c = 0; c < 3; ++c) {
          REQUIRE(image[(y * 96 + x) * 3 + c] == stl10_pixel(number, y, x, c));
        }
      }
    }
  }
  CHECK(count_stl10(dir.path()) == std::array<std::int64_t, 2>{7, 2});
  CHECK(read_stl10(dir.path(), {.limit_per_file = 2}).train.labels ==
        std::vector<std::int32_t>{9, 0, -1, -1});

  const split streamed = read_stl10(dir.path(), {.memory = 100'000});
  CHECK(streamed.train.read);
  CHECK(streamed.train.mean == s.train.mean);
  CHECK(streamed.test.uniform());
  std::vector<float> from_memory(7 * 8 * 8 * 3), from_files(from_memory.size());
  fill_plain(s.train, 0, 7, 8, from_memory.data());
  fill_plain(streamed.train, 0, 7, 8, from_files.data());
  CHECK(from_files == from_memory);

  std::filesystem::remove(dir.path() / "unlabeled_X.bin");
  CHECK(read_stl10(dir.path()).train.size() == 3);
}

TEST_CASE("a damaged STL-10 says which file is wrong") {
  const temporary_directory dir;
  const auto refusal = [&] { return thrown_by([&] { read_stl10(dir.path()); }); };
  write_stl10(dir);
  auto cut = stl10_images_file(0, 3);
  cut.pop_back();
  dir.write("train_X.bin", cut);
  CHECK(refusal().says("train_X.bin has 82943 bytes"));
  write_stl10(dir);
  dir.write("train_y.bin", stl10_bytes{10, 1});
  CHECK(refusal().says("train_y.bin has 2 labels for 3 images"));
  dir.write("train_y.bin", stl10_bytes{10, 0, 2});
  CHECK(refusal().says("label 0 at byte 1"));
  dir.write("train_y.bin", stl10_bytes{10, 11, 2});
  CHECK(refusal().kind == error_kind::data);
}
