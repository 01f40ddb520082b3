#include <triptych/data/cifar.hpp>

#include <vector>

#include "data/cifar_fixture.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

TEST_CASE("CIFAR-10 records become channels-last images in file order") {
  const temporary_directory dir;
  write_cifar10(dir, 12);
  const split s = read_cifar(cifar10_layout(), dir.path());
  REQUIRE(s.train.size() == 60);
  REQUIRE(s.test.size() == 12);
  CHECK(s.train.classes == 10);
  CHECK(s.train.pixels.size() == 60u * 3072);
  CHECK(s.train.labels[13] == 1);
  CHECK(s.train.mean[0] == 0.4914f);
  CHECK(s.test.deviation[2] == 0.2616f);
  const auto file = cifar_records(12, {10}, 2);
  const auto image = s.train.image(12 + 3).pixels;  // record 3 of data_batch_2.bin
  for (std::size_t p = 0; p < 1024; ++p) {
    for (std::size_t c = 0; c < 3; ++c) {
      REQUIRE(image[p * 3 + c] == file[3 * 3073 + 1 + c * 1024 + p]);
    }
  }
}

TEST_CASE("CIFAR-100 images carry the fine label") {
  const temporary_directory dir;
  dir.write("train.bin", cifar_records(130, {20, 100}));
  dir.write("test.bin", cifar_records(40, {20, 100}));
  const split s = read_cifar(cifar100_layout(), dir.path());
  CHECK(s.train.size() == 130);
  CHECK(s.train.classes == 100);
  CHECK(s.train.labels[57] == 57);
  CHECK(s.train.image(1).pixels[0] == cifar_records(130, {20, 100})[3074 + 2]);
}

TEST_CASE("a limit takes the first records of each file") {
  const temporary_directory dir;
  write_cifar10(dir, 12);
  const split all = read_cifar(cifar10_layout(), dir.path());
  const split some = read_cifar(cifar10_layout(), dir.path(), 4);
  REQUIRE(some.train.size() == 20);
  REQUIRE(some.test.size() == 4);
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto a = some.train.image(i).pixels, b = all.train.image(i / 4 * 12 + i % 4).pixels;
    REQUIRE(std::equal(a.begin(), a.end(), b.begin()));
  }
  CHECK(read_cifar(cifar10_layout(), dir.path(), 100).train.size() == 60);
}

TEST_CASE("every truncation of a ten-record training file is refused, naming file and byte") {
  const temporary_directory dir;
  write_cifar10(dir, 10);
  const auto whole = cifar_records(10, {10}, 3);
  image_set scratch;
  const auto layout = cifar10_layout();
  const auto file = dir.write("cut.bin", whole);
  for (std::size_t length = whole.size() - 1; length > 0; --length) {
    std::filesystem::resize_file(file, length);
    if (length % 3073 == 0) continue;  // below, with the sister files
    const auto e = thrown_by([&] { append_cifar_file(layout, file, 10000, 0, scratch); });
    REQUIRE(e.kind == error_kind::data);
    REQUIRE(e.says("cut.bin"));
    REQUIRE(e.says("at byte " + std::to_string(length / 3073 * 3073)));
  }
  CHECK(scratch.labels.empty());
  for (std::size_t records = 0; records < 10; ++records) {
    dir.write("data_batch_3.bin",
              std::vector<std::uint8_t>(
                  whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(records * 3073)));
    const auto e = thrown_by([&] { read_cifar(layout, dir.path()); });
    CHECK(e.kind == error_kind::data);
    CHECK(e.says("data_batch_3.bin"));
  }
}

TEST_CASE("a file with more records than the original is refused before it is read") {
  const temporary_directory dir;
  const auto file = dir.write("big.bin", std::string());
  std::filesystem::resize_file(file, 3073 * 10001);
  image_set scratch;
  const auto e = thrown_by([&] { append_cifar_file(cifar10_layout(), file, 10000, 0, scratch); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("big.bin"));
  CHECK(e.says("byte 30730000"));

  std::filesystem::resize_file(file, std::uintmax_t{3074} * 50001);
  CHECK(thrown_by([&] { append_cifar_file(cifar100_layout(), file, 50000, 0, scratch); }).any);
}

TEST_CASE("a label out of range is refused at its byte, coarse or fine") {
  const temporary_directory dir;
  auto bytes = cifar_records(10, {10});
  bytes[3073 * 7] = 10;
  image_set scratch;
  auto e = thrown_by(
      [&] { append_cifar_file(cifar10_layout(), dir.write("a.bin", bytes), 10000, 0, scratch); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("label 10 at byte 21511"));

  bytes = cifar_records(10, {20, 100});
  bytes[3074 * 2] = 20;
  e = thrown_by(
      [&] { append_cifar_file(cifar100_layout(), dir.write("b.bin", bytes), 50000, 0, scratch); });
  CHECK(e.says("label 20 at byte 6148"));
  bytes[3074 * 2] = 3;
  bytes[3074 * 4 + 1] = 255;
  e = thrown_by(
      [&] { append_cifar_file(cifar100_layout(), dir.write("b.bin", bytes), 50000, 0, scratch); });
  CHECK(e.says("label 255 at byte 12297"));
}

TEST_CASE("a missing file is named") {
  const temporary_directory dir;
  write_cifar10(dir, 3);
  std::filesystem::remove(dir.path() / "data_batch_4.bin");
  const auto e = thrown_by([&] { read_cifar(cifar10_layout(), dir.path()); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("data_batch_4.bin"));
}
