#include <triptych/data/image_set.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

TEST_CASE("an image is its own bytes, and one that the set does not have is refused") {
  data::image_set set{.name = "two", .height = 1, .width = 2, .classes = 2};
  set.pixels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  set.labels = {0, 1};
  CHECK(set.size() == 2);
  CHECK(set.image(1).size() == 6);
  CHECK(set.image(1)[0] == 6);
  for (const std::int64_t i : {-1, 2}) {
    CHECK(thrown_by([&] { (void)set.image(i); }).kind == error_kind::usage);
  }
  set.pixels.pop_back();
  CHECK(thrown_by([&] { (void)set.image(1); }).says("11 bytes"));
}
