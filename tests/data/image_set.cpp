#include <triptych/data/image_set.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

TEST_CASE("an image is its own bytes, and one that the set does not have is refused") {
  data::image_set set{.name = "two", .height = 1, .width = 2, .classes = 2};
  set.pixels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  set.labels = {0, 1};
  CHECK(set.size() == 2);
  CHECK(set.uniform());
  CHECK(set.image(1).pixels.size() == 6);
  CHECK(set.image(1).pixels[0] == 6);
  for (const std::int64_t i : {-1, 2}) {
    CHECK(thrown_by([&] { (void)set.image(i); }).kind == error_kind::usage);
  }
  set.pixels.pop_back();
  CHECK(thrown_by([&] { (void)set.image(1); }).says("11 bytes"));
}

TEST_CASE(
    "images of several sizes lie where their places say, or are read into the caller's memory") {
  data::image_set set{.name = "two", .height = 0, .width = 0, .classes = 1};
  set.pixels = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  set.labels = {0, 0};
  set.places = {{0, 1, 1}, {3, 2, 1}};
  CHECK_FALSE(set.uniform());
  CHECK(set.image(1).height == 2);
  CHECK(set.image(1).pixels[0] == 3);

  data::image_set read{.name = "read", .height = 1, .width = 1, .classes = 1};
  read.labels = {0, 0};
  read.read = [](std::int64_t i, std::vector<std::uint8_t>& memory) {
    memory.assign(3, static_cast<std::uint8_t>(40 + i));
    return augment::image_view{memory, 1, 1};
  };
  CHECK_FALSE(read.uniform());
  std::vector<std::uint8_t> memory;
  CHECK(read.image(1, memory).pixels[2] == 41);
  CHECK(thrown_by([&] { (void)read.image(2, memory); }).kind == error_kind::usage);
}
