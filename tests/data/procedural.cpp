#include <triptych/data/procedural.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <vector>

#include <triptych/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

TEST_CASE("generated images are the same bits on any number of threads") {
  const auto alone = procedural_images(60, 7, 0);
  for (const int threads : {2, 3}) {
    thread_pool pool(threads);
    const auto together = procedural_images(60, 7, 0, &pool);
    CHECK(together.pixels == alone.pixels);
    CHECK(together.labels == alone.labels);
  }
}

TEST_CASE("generated images are the same by every compiler, but for rounding") {
  const int expected[]{123, 173, 169, 152, 137, 154, 218, 0, 166, 255, 135, 104};
  const auto pixels = procedural_images(4, 7, 0).pixels;
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    CHECK(std::abs(pixels[i * 977 + 5] - expected[i]) <= 1);
  }
}

TEST_CASE("a longer set begins with a shorter one; seeds and splits differ") {
  const auto many = procedural_images(40, 7, 0);
  const auto few = procedural_images(25, 7, 0);
  CHECK(std::equal(few.pixels.begin(), few.pixels.end(), many.pixels.begin()));
  CHECK(procedural_images(40, 8, 0).pixels != many.pixels);
  CHECK(procedural_images(40, 7, 1).pixels != many.pixels);
  const split s = procedural_split(30, 20, 7);
  CHECK(s.train.size() == 30);
  CHECK(s.test.size() == 20);
  CHECK(s.test.pixels == procedural_images(20, 7, 1).pixels);
}

TEST_CASE("the classes take turns and the normalization is about right") {
  const auto set = procedural_images(500, 3, 0);
  CHECK(set.classes == 10);
  for (std::size_t i = 0; i < 500; ++i) REQUIRE(set.labels[i] == static_cast<int>(i % 10));
  double sum = 0, squares = 0;
  for (const auto p : set.pixels) {
    sum += p / 255.0;
    squares += p / 255.0 * (p / 255.0);
  }
  const auto n = static_cast<double>(set.pixels.size());
  const double mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
  CHECK(mean == Approx(static_cast<double>(set.mean[0])).margin(0.03));
  CHECK(deviation == Approx(static_cast<double>(set.deviation[0])).margin(0.03));
}

TEST_CASE("raw pixels hardly tell the classes apart") {
  const auto train = procedural_images(600, 5, 0), test = procedural_images(100, 5, 1);
  int right = 0;
  for (std::int64_t q = 0; q < test.size(); ++q) {
    const auto image = test.image(q).pixels;
    std::int64_t best = 0, best_distance = INT64_MAX;
    for (std::int64_t i = 0; i < train.size(); ++i) {
      const auto other = train.image(i).pixels;
      std::int64_t distance = 0;
      for (std::size_t p = 0; p < image.size(); p += 2) {
        const int d = image[p] - other[p];
        distance += d * d;
      }
      if (distance < best_distance) {
        best_distance = distance;
        best = i;
      }
    }
    right +=
        train.labels[static_cast<std::size_t>(best)] == test.labels[static_cast<std::size_t>(q)];
  }
  CHECK(right <= 30);  // the nearest neighbor; chance is 10
}

TEST_CASE("a number of images below one is a usage error") {
  CHECK(thrown_by([] { (void)procedural_images(0, 1, 0); }).kind == error_kind::usage);
}
