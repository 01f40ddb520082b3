#include <triptych/data/loader.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <triptych/augment/pipeline.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/data/shuffle.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

const image_set& test_set() {
  static const image_set set = procedural_images(23, 1, 0);
  return set;
}

loader_options options(position start = {}, int threads = 1) {
  return {{augment::recipes::mncl, augment::recipes::linear}, 5, 16, 42, start, threads};
}

bool same(const batch& a, const batch& b) {
  return a.epoch == b.epoch && a.step == b.step && a.views == b.views && a.size == b.size &&
         a.images == b.images && a.labels == b.labels && a.samples == b.samples;
}

}  // namespace

TEST_CASE("an epoch shows every image at most once in shuffled order and drops the rest") {
  loader batches(test_set(), options());
  REQUIRE(batches.steps_per_epoch() == 4);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = shuffle(23, 42, epoch);
    std::set<std::int64_t> seen;
    for (std::int64_t step = 0; step < 4; ++step) {
      const batch& b = batches.next();
      REQUIRE(b.epoch == epoch);
      REQUIRE(b.step == step);
      REQUIRE(b.size == 5);
      REQUIRE(b.views == 2);
      for (std::size_t i = 0; i < 5; ++i) {
        CHECK(b.samples[i] == order[static_cast<std::size_t>(step) * 5 + i]);
        CHECK(b.labels[i] == b.samples[i] % 10);
        seen.insert(b.samples[i]);
      }
    }
    CHECK(seen.size() == 20);
  }
}

TEST_CASE("a batch holds the views that its addresses name") {
  loader batches(test_set(), options({1, 2}));
  const batch& b = batches.next();
  std::vector<float> expected(5 * 16 * 16 * 3);
  for (int v = 0; v < 2; ++v) {
    fill(test_set(), b.samples, options().recipes[static_cast<std::size_t>(v)], {42, 1, 0, v}, 16,
         expected.data());
    CHECK(std::equal(expected.begin(), expected.end(), b.view(v).begin(), b.view(v).end()));
  }
}

TEST_CASE("a loader that starts anywhere gives what one that arrived there gives") {
  loader whole(test_set(), options());
  std::vector<batch> run;
  for (int i = 0; i < 10; ++i) run.push_back(whole.next());
  for (std::size_t from = 0; from < 10; ++from) {
    const auto n = static_cast<std::int64_t>(from);
    loader resumed(test_set(), options({n / 4, n % 4}, from % 2 == 0 ? 1 : 3));
    for (std::size_t i = from; i < 10; ++i) REQUIRE(same(resumed.next(), run[i]));
  }
  loader at_the_end(test_set(), options({0, 4}));  // the end of an epoch is the next one's start
  CHECK(same(at_the_end.next(), run[4]));
}

TEST_CASE("buffers are reused, and a batch stays as it is until the next call") {
  loader batches(test_set(), options());
  std::set<const float*> buffers;
  for (int i = 0; i < 12; ++i) {
    const batch& b = batches.next();
    buffers.insert(b.images.data());
    const batch copy = b;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    REQUIRE(same(copy, b));
  }
  CHECK(buffers.size() <= 3);
}

TEST_CASE("a failure in the background surfaces in next, and again in every later call") {
  image_set broken = test_set();
  broken.pixels.resize(22 * 3072);  // the last image is missing, and image 22 comes at some step
  loader batches(broken, options());
  thrown_error e;
  int good = 0;
  while (!e.any && good < 100) {
    e = thrown_by([&] { batches.next(); });
    good += !e.any;
  }
  CHECK(e.says("image 22"));
  CHECK(thrown_by([&] { batches.next(); }).says("image 22"));
  const auto order = shuffle(23, 42, 0);
  const auto step = (std::find(order.begin(), order.end(), 22) - order.begin()) / 5;
  if (step < 4) CHECK(good == step);  // batches made before the failure are still given
}

TEST_CASE("impossible options are usage errors that name the numbers") {
  auto o = options();
  o.batch_size = 24;
  auto e = thrown_by([&] { loader(test_set(), o); });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("24"));
  CHECK(e.says("23 images"));
  o.batch_size = 0;
  CHECK(thrown_by([&] { loader(test_set(), o); }).kind == error_kind::usage);
  o = options();
  o.recipes.clear();
  CHECK(thrown_by([&] { loader(test_set(), o); }).kind == error_kind::usage);
  o = options();
  o.recipes[1].flip_p = 2;
  CHECK(thrown_by([&] { loader(test_set(), o); }).says("flip_p"));
  CHECK(thrown_by([&] { loader(test_set(), options({0, 5})); }).says("step 5"));
  CHECK(thrown_by([&] { loader(test_set(), options({-1, 0})); }).kind == error_kind::usage);
  CHECK_NOTHROW(loader(test_set(), options()));  // never asked for a batch: shuts down cleanly
}

TEST_CASE("a loader that only decides says of the same batches how their views are made") {
  auto how = options({1, 2});
  loader made(test_set(), how);
  how.decide_only = true;
  loader decided(test_set(), how);
  for (int step = 0; step < 4; ++step) {  // into the next epoch
    const batch &with = made.next(), &without = decided.next();
    CHECK(without.images.empty());
    CHECK(with.draws.empty());
    CHECK(without.samples == with.samples);
    CHECK(without.labels == with.labels);
    REQUIRE(without.draws.size() == 10);
    augment::workspace work;
    std::vector<float> view(16 * 16 * 3);
    for (std::size_t i = 0; i < 10; ++i) {
      augment::render(without.draws[i], test_set().normalization(),
                      test_set().image(without.samples[i % 5]), 16, 16, work, view.data());
      CHECK(std::equal(view.begin(), view.end(),
                       with.images.begin() + static_cast<std::ptrdiff_t>(i * view.size())));
    }
  }
}

TEST_CASE("the parts of a batch are its rows, and each has the labels of all") {
  auto o = options();
  o.batch_size = 6;
  loader whole(test_set(), o);
  std::vector<std::unique_ptr<loader>> parts;
  for (int i = 0; i < 3; ++i) {
    o.part = {i, 3};
    parts.push_back(std::make_unique<loader>(test_set(), o));
    CHECK(parts.back()->steps_per_epoch() == whole.steps_per_epoch());
  }
  const auto rows = [](const batch& b, std::size_t view, std::size_t first) {
    const auto image = b.images.size() / static_cast<std::size_t>(b.views * b.size);
    const auto from = b.images.data() + (view * static_cast<std::size_t>(b.size) + first) * image;
    return std::vector(from, from + 2 * image);
  };
  for (int step = 0; step < 5; ++step) {  // over the end of an epoch
    const batch& all = whole.next();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const batch& b = parts[i]->next();
      REQUIRE(b.size == 2);
      CHECK(b.labels == all.labels);
      CHECK(std::equal(b.samples.begin(), b.samples.end(),
                       all.samples.begin() + static_cast<std::ptrdiff_t>(2 * i)));
      for (const std::size_t view : {0u, 1u}) CHECK(rows(b, view, 0) == rows(all, view, 2 * i));
    }
  }
}

TEST_CASE("a batch that cannot be cut into equal parts is refused") {
  auto o = options();
  for (const part wrong : {part{0, 2}, part{5, 5}, part{-1, 5}, part{0, 0}}) {
    o.part = wrong;
    const auto e = thrown_by([&] { loader(test_set(), o); });
    CHECK(e.kind == error_kind::usage);
    CHECK(e.says("of a batch of 5 images cannot be made; choose a batch size divisible"));
  }
}
