#include <triptych/data/image_folder.hpp>

#include <cstdlib>

#include "data/image_fixture.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

byte_vector gray(int height, int width, std::uint8_t level) {
  return ppm_file(height, width, byte_vector(static_cast<std::size_t>(height * width * 3), level));
}

}  // namespace

TEST_CASE("a tree of train and val becomes two sets in sorted order") {
  const temporary_directory dir;
  dir.write("train/dog/b.ppm", gray(4, 4, 30));
  dir.write("train/dog/a.PPM", gray(4, 4, 20));
  dir.write("train/cat/z.ppm", gray(4, 4, 10));
  dir.write("train/cat/notes.txt", std::string("no image"));
  dir.write("train/.hidden/x.ppm", gray(4, 4, 99));
  dir.write("val/dog/q.ppm", gray(4, 4, 40));
  const split s = read_image_folder(dir.path());
  CHECK(s.train.classes == 2);
  CHECK(s.train.labels == std::vector<std::int32_t>{0, 1, 1});
  CHECK(s.train.image(0)[0] == 10);
  CHECK(s.train.image(1)[0] == 20);
  CHECK(s.train.image(2)[0] == 30);
  CHECK(s.test.labels == std::vector<std::int32_t>{1});
  CHECK(s.test.height == 4);
  CHECK(s.train.mean[1] == Approx(20.0 / 255));
  CHECK(s.train.deviation[1] == Approx(std::sqrt(200.0 / 3) / 255));
  CHECK(s.test.mean == s.train.mean);
}

TEST_CASE("an interrupted listing goes on, and one that fails is refused by name") {
  const temporary_directory dir;
  for (const char* name : {"a.ppm", "b.ppm"}) dir.write(name, gray(4, 4, 10));
  ::setenv("TRIPTYCH_FAILPOINT", "list:EINTR", 1);
  CHECK(image_files(dir.path()).size() == 2);
  ::setenv("TRIPTYCH_FAILPOINT", "list:EIO", 1);
  CHECK(thrown_by([&] { static_cast<void>(image_files(dir.path())); })
            .says("cannot list " + dir.path().string()));
  ::unsetenv("TRIPTYCH_FAILPOINT");
}

TEST_CASE("a root of classes is a training set alone, and a root of images one class") {
  const temporary_directory dir;
  dir.write("classes/a/1.ppm", gray(2, 2, 1));
  dir.write("classes/b/1.ppm", gray(2, 2, 2));
  const split two = read_image_folder(dir.path() / "classes");
  CHECK(two.train.size() == 2);
  CHECK(two.train.classes == 2);
  CHECK(two.test.size() == 0);
  dir.write("flat/1.ppm", gray(2, 2, 1));
  const split one = read_image_folder(dir.path() / "flat");
  CHECK(one.train.classes == 1);
  CHECK(one.train.labels == std::vector<std::int32_t>{0});
}

TEST_CASE("the limit holds for each class directory") {
  const temporary_directory dir;
  for (const std::string c : {"a", "b"}) {
    for (int i = 0; i < 5; ++i) {
      dir.write(c + "/" + std::to_string(i) + ".ppm", gray(2, 2, static_cast<std::uint8_t>(i)));
    }
  }
  CHECK(read_image_folder(dir.path(), 3).train.labels ==
        std::vector<std::int32_t>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("images of differing size need a size, and are resized and cropped to it") {
  const temporary_directory dir;
  dir.write("a/1.ppm", gray(8, 8, 100));
  dir.write("a/2.ppm", ppm_file(8, 24, picture(8, 24)));
  const auto e = thrown_by([&] { read_image_folder(dir.path()); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("2.ppm"));
  CHECK(e.says("`image-size`"));

  const split s = read_image_folder(dir.path(), 0, 8);
  REQUIRE(s.train.size() == 2);
  CHECK(s.train.image(0)[77] == 100);
  const auto wide = picture(8, 24);
  const auto image = s.train.image(1);  // the middle third, untouched
  for (std::size_t y = 0; y < 8; ++y) {
    for (std::size_t i = 0; i < 24; ++i) REQUIRE(image[y * 24 + i] == wide[(y * 24 + 8) * 3 + i]);
  }
  CHECK(read_image_folder(dir.path(), 0, 5).train.pixels.size() == 2 * 5 * 5 * 3);
}

TEST_CASE("empty folders, unknown test classes and broken images are refused by name") {
  const temporary_directory dir;
  std::filesystem::create_directories(dir.path() / "empty");
  auto e = thrown_by([&] { read_image_folder(dir.path() / "empty"); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("empty"));

  dir.write("set/train/a/1.ppm", gray(2, 2, 1));
  std::filesystem::create_directories(dir.path() / "set/train/b");
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.says("set/train/b holds no"));

  dir.write("set/train/b/1.ppm", gray(2, 2, 1));
  dir.write("set/test/c/1.ppm", gray(2, 2, 1));
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.says("set/test/c"));

  dir.write("set/train/b/2.jpg", std::string("\xFF\xD8\xFF garbage"));
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("b/2.jpg"));
}
