#include <triptych/data/tiny_imagenet.hpp>

#include <cstdlib>
#include <string>

#include "data/image_fixture.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

// Files are told by their content, so PPM bytes under a JPEG name do where libjpeg is missing.
byte_vector image_file(std::uint8_t level, int channels = 3) {
#if defined(TRIPTYCH_HAS_JPEG)
  return jpeg_file(64, 64, byte_vector(static_cast<std::size_t>(64 * 64 * channels), level),
                   channels);
#else
  static_cast<void>(channels);
  return ppm_file(64, 64, byte_vector(std::size_t{64 * 64 * 3}, level));
#endif
}

void write_set(const temporary_directory& dir) {
  dir.write("wnids.txt", std::string("n02\nn01\n"));
  for (const std::string c : {"n01", "n02"}) {
    for (int i = 0; i < 3; ++i) {
      const int level = (c == "n02" ? 100 : 0) + 10 * i;
      dir.write("train/" + c + "/images/" + c + "_" + std::to_string(i) + ".JPEG",
                image_file(static_cast<std::uint8_t>(level), i == 1 ? 1 : 3));
    }
  }
  dir.write("val/images/val_0.JPEG", image_file(200));
  dir.write("val/images/val_1.JPEG", image_file(210));
  dir.write("val/val_annotations.txt",
            std::string("val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t52\t55\t57\t59\n"));
}

}  // namespace

TEST_CASE("the official layout is read with classes sorted by wnid and grayscale widened") {
  const temporary_directory dir;
  write_set(dir);
  const split s = read_tiny_imagenet(dir.path());
  CHECK(s.train.classes == 2);
  CHECK(s.train.labels == std::vector<std::int32_t>{0, 0, 0, 1, 1, 1});
  CHECK(s.test.labels == std::vector<std::int32_t>{1, 0});
  CHECK(s.train.height == 64);
  for (std::size_t i = 0; i < 6; ++i) {
    const int level = (i >= 3 ? 100 : 0) + 10 * static_cast<int>(i % 3);
    for (const std::size_t at : {0u, 1u, 2u, 5000u}) {
      CHECK(std::abs(s.train.image(static_cast<std::int64_t>(i)).pixels[at] - level) <= 2);
    }
  }
  CHECK(s.train.mean[0] == 0.4802f);
  CHECK(s.train.class_names == std::vector<std::string>{"n01", "n02"});
  const split few = read_tiny_imagenet(dir.path(), {.limit_per_file = 2});
  CHECK(few.train.size() == 4);
  CHECK(few.skipped.at("beyond the limit of a class").size() == 2);
}

TEST_CASE("a damaged TinyImageNet says which file is wrong") {
  const temporary_directory dir;
  write_set(dir);
  dir.write("val/val_annotations.txt", std::string("val_0.JPEG\tn03\t0\n"));
  auto e = thrown_by([&] { read_tiny_imagenet(dir.path()); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("val_annotations.txt, line 1"));

  dir.write("val/val_annotations.txt", std::string("../../wnids.txt\tn01\t0\n"));
  CHECK(thrown_by([&] { read_tiny_imagenet(dir.path()); }).says("line 1"));

  dir.write("val/val_annotations.txt",
            std::string("val_0.JPEG\tn02\nval_1.JPEG\tn01\nval_0.JPEG\tn02\n"));
  CHECK(thrown_by([&] { read_tiny_imagenet(dir.path()); }).says("line 3: an image that was named"));

  std::string lines;
  for (int i = 0; i <= 1'300'000; ++i) lines += "n\n";
  dir.write("wnids.txt", lines);
  CHECK(thrown_by([&] { read_tiny_imagenet(dir.path()); }).says("more than 1300000 lines"));

  dir.write("wnids.txt", std::string("n01\nn01\n"));
  CHECK(thrown_by([&] { read_tiny_imagenet(dir.path()); }).says("wnids.txt"));

  dir.write("wnids.txt", std::string("n01\nn09\n"));
  CHECK(thrown_by([&] { read_tiny_imagenet(dir.path()); }).says("n09"));
}
