#include <triptych/data/fill.hpp>

#include <vector>

#include <triptych/augment/pipeline.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/procedural.hpp>

#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::data;

TEST_CASE("filling gives each sample the view of its own address, on any number of threads") {
  const auto set = procedural_images(20, 1, 0);
  const std::vector<std::int64_t> samples{3, 17, 3, 0, 19};
  constexpr std::size_t length = 32 * 32 * 3;
  std::vector<float> expected(samples.size() * length);
  augment::workspace work;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    augment::apply(augment::recipes::mncl, set.normalization(), set.image(samples[i]),
                   {9, 4, samples[i], 2}, 32, 32, work, expected.data() + i * length);
  }
  for (const int threads : {0, 2, 3}) {
    std::vector<float> out(expected.size());
    if (threads == 0) {
      fill(set, samples, augment::recipes::mncl, {9, 4, 0, 2}, 32, out.data());
    } else {
      thread_pool pool(threads);
      fill(set, samples, augment::recipes::mncl, {9, 4, 0, 2}, 32, out.data(), &pool);
    }
    CHECK(out == expected);
  }
}

TEST_CASE("a plain filling is the normalized images in order") {
  const auto set = procedural_images(6, 1, 0);
  std::vector<float> out(3 * 32 * 32 * 3);
  fill_plain(set, 2, 3, 32, out.data());
  for (std::size_t i = 0; i < out.size(); ++i) {
    REQUIRE(out[i] == Approx((set.pixels[2 * 3072 + i] / 255.0f - 0.5f) / 0.25f).margin(1e-5));
  }
}
