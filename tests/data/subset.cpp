#include <triptych/data/subset.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/loader.hpp>
#include <triptych/data/procedural.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

/// How many of `chosen` have this label.
std::int64_t count(const std::vector<std::int64_t>& chosen, const std::vector<std::int32_t>& labels,
                   std::int32_t label) {
  return std::count_if(chosen.begin(), chosen.end(), [&](std::int64_t i) {
    return labels[static_cast<std::size_t>(i)] == label;
  });
}

}  // namespace

TEST_CASE("a subset shows the chosen images and labels in their order") {
  const image_set set = procedural_images(12, 1, 0);
  const std::vector<std::int64_t> chosen{7, 0, 11};
  const image_set part = subset(set, chosen);
  REQUIRE(part.size() == 3);
  CHECK(part.labels == std::vector<std::int32_t>{7, 0, 1});
  CHECK(part.classes == set.classes);
  CHECK(part.pixels.empty());
  std::vector<std::uint8_t> unused;
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto seen = part.image(i, unused);
    const auto original = set.image(chosen[static_cast<std::size_t>(i)]);
    CHECK(seen.pixels.data() == original.pixels.data());  // no copy
    CHECK(seen.height == original.height);
  }
  const image_set inner = subset(part, {2});
  CHECK(inner.image(0, unused).pixels.data() == set.image(11).pixels.data());
}

TEST_CASE("a loader reads a subset, normalized as the whole set is") {
  image_set set = procedural_images(12, 1, 0);
  set.mean = {0.25f, 0.5f, 0.75f};
  const image_set part = subset(set, {3, 4, 5, 9});
  loader batches(part, {.recipes = {augment::recipes::plain}, .batch_size = 4, .threads = 2});
  const batch& b = batches.next();
  std::vector<std::int64_t> originals;
  for (const auto i : b.samples) originals.push_back(i < 3 ? 3 + i : 9);
  std::vector<float> expected(b.images.size());
  fill(set, originals, augment::recipes::plain, {}, 32, expected.data());
  CHECK(b.images == expected);
}

TEST_CASE("a share is drawn from every class, and nothing is in both parts") {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 200; ++i) labels.push_back(i % 4 == 3 ? 1 : 0);  // 150 and 50
  labels.insert(labels.end(), {2, 2, 3, -1});
  const auto parts = draw_share(labels, 0.9, 5);
  CHECK(count(parts.drawn, labels, 0) == 135);
  CHECK(count(parts.drawn, labels, 1) == 45);
  CHECK(count(parts.drawn, labels, 2) == 1);  // one to each part
  CHECK(count(parts.rest, labels, 2) == 1);
  CHECK(count(parts.drawn, labels, 3) == 1);  // an only one is drawn
  std::vector<std::int64_t> all = parts.drawn;
  all.insert(all.end(), parts.rest.begin(), parts.rest.end());
  std::sort(all.begin(), all.end());
  std::vector<std::int64_t> expected(203);
  for (std::size_t i = 0; i < 203; ++i) expected[i] = static_cast<std::int64_t>(i);
  CHECK(all == expected);
  CHECK(std::is_sorted(parts.drawn.begin(), parts.drawn.end()));

  CHECK(count(draw_share(labels, 0.001, 5).drawn, labels, 0) == 1);
  CHECK(draw_share(labels, 1, 5).rest.empty());
}

TEST_CASE("a share depends on the seed alone") {
  const std::vector<std::int32_t> labels(100, 0);
  CHECK(draw_share(labels, 0.5, 1).drawn == draw_share(labels, 0.5, 1).drawn);
  CHECK(draw_share(labels, 0.5, 1).drawn != draw_share(labels, 0.5, 2).drawn);
}

TEST_CASE("images that a set does not have and shares of nothing are refused") {
  const image_set set = procedural_images(5, 1, 0);
  for (const std::int64_t i : {-1, 5}) {
    const auto refusal = thrown_by([&] { (void)subset(set, {0, i}); });
    CHECK(refusal.kind == error_kind::usage);
    CHECK(refusal.says("which has 5; choose images that it has"));
  }
  for (const double share : {0.0, -0.1, 1.1, std::nan("")}) {
    CHECK(thrown_by([&] { (void)draw_share(set.labels, share, 1); }).says("above 0 and at most 1"));
  }
}

TEST_CASE("a larger share by the same seed holds a smaller one") {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 90; ++i) labels.push_back(i % 3);
  const auto tenth = draw_share(labels, 0.1, 2).drawn, half = draw_share(labels, 0.5, 2).drawn;
  CHECK(tenth.size() == 9);
  CHECK(half.size() == 45);
  CHECK(std::includes(half.begin(), half.end(), tenth.begin(), tenth.end()));
}
