#include <triptych/augment/draw.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "support/catch.hpp"

using namespace triptych::augment;

namespace {

draw decide32(const recipe& r, const address& a) { return decide(r, a, 32, 32, 32, 32); }

}  // namespace

TEST_CASE("a draw depends on its address alone, and on every part of it") {
  const recipe r = recipes::mncl;
  const address a{5, 3, 100, 1};
  CHECK(decide32(r, a) == decide32(r, a));
  for (const address& other : {address{6, 3, 100, 1}, address{5, 4, 100, 1}, address{5, 3, 101, 1},
                               address{5, 3, 100, 2}}) {
    CHECK_FALSE(decide32(r, a).crop == decide32(r, other).crop);
    CHECK_FALSE(decide32(r, a).jitter == decide32(r, other).jitter);
  }
}

TEST_CASE("switching one operation off leaves the draws of the others alone") {
  recipe without = recipes::mncl;
  without.jitter_p = 0;
  without.random_crop = false;
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    const draw with = decide32(recipes::mncl, {1, 0, sample, 0});
    const draw rest = decide32(without, {1, 0, sample, 0});
    CHECK(with.gray == rest.gray);
    CHECK(with.sigma == rest.sigma);
    CHECK(with.flip == rest.flip);
    CHECK_FALSE(rest.jittered);
    CHECK(rest.crop == box{0, 0, 32, 32});
  }
}

TEST_CASE("operations happen with their probabilities and draw within their ranges") {
  constexpr int count = 4000;
  double jittered = 0, gray = 0, blurred = 0, flipped = 0, solarized = 0, hue_sum = 0;
  recipe r = recipes::mncl;
  r.solarize_p = 0.2f;
  std::map<std::array<jitter_op, 4>, int> orders;
  for (int i = 0; i < count; ++i) {
    const draw d = decide32(r, {9, 0, i, 0});
    jittered += d.jittered;
    gray += d.gray;
    blurred += d.sigma > 0;
    flipped += d.flip;
    solarized += d.solarized;
    hue_sum += static_cast<double>(d.jitter.hue);
    ++orders[d.jitter.order];
    for (const float f : {d.jitter.brightness, d.jitter.contrast, d.jitter.saturation}) {
      REQUIRE((f >= 0.6f && f <= 1.4f));
    }
    REQUIRE(std::abs(d.jitter.hue) <= 0.1f);
    if (d.sigma > 0) REQUIRE((d.sigma >= 0.1f / 7 && d.sigma <= 2.0f / 7));
  }
  CHECK(jittered / count == Approx(0.8).margin(0.03));
  CHECK(gray / count == Approx(0.2).margin(0.03));
  CHECK(blurred / count == Approx(0.5).margin(0.03));
  CHECK(flipped / count == Approx(0.5).margin(0.03));
  CHECK(solarized / count == Approx(0.2).margin(0.03));
  CHECK(hue_sum / count == Approx(0.0).margin(0.005));
  REQUIRE(orders.size() == 24);
  for (const auto& [order, times] : orders) {
    CHECK(times > count / 24 / 2);
    CHECK(std::set<jitter_op>(order.begin(), order.end()).size() == 4);
  }
}

TEST_CASE("the blur's deviation is in pixels of a 224-pixel image unless that is switched off") {
  recipe r{.blur_p = 1.0f, .sigma_min = 1.5f, .sigma_max = 1.5f};
  CHECK(decide(r, {}, 32, 32, 224, 224).sigma == Approx(1.5));
  CHECK(decide(r, {}, 32, 32, 32, 32).sigma == Approx(1.5 / 7));
  r.scale_blur = false;
  CHECK(decide(r, {}, 32, 32, 32, 32).sigma == Approx(1.5));
}

TEST_CASE("the plain recipe decides nothing but the center") {
  const draw d = decide(recipes::plain, {1, 2, 3, 4}, 40, 60, 32, 32);
  CHECK(d.crop == box{0, 0, 40, 60});
  CHECK(d.frame == box{0, 8, 32, 48});
  CHECK_FALSE((d.jittered || d.gray || d.solarized || d.flip || d.sigma > 0));
}
