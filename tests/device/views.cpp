// Views made by a device from images in its memory, beside the CPU's.
#include TRIPTYCH_UNDER_TEST

#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/concepts/rendering_backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device/present.hpp"
#include "device/small_method.hpp"
#include "device/small_plan.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych;
using namespace triptych::test;

static_assert(RenderingBackend<device>);

namespace {

/// Images of noise, height x width.
data::image_set noise(int count, int height, int width) {
  data::image_set set{.name = "noise", .height = height, .width = width, .classes = 1};
  set.mean = {0.5f, 0.4f, 0.3f};
  set.deviation = {0.2f, 0.25f, 0.3f};
  random_stream random(seeded(3), stream::evaluate);
  for (int i = 0; i < count; ++i) {
    set.labels.push_back(0);
    for (std::size_t b = 0; b < data::placed_image{0, set.height, set.width}.bytes(); ++b) {
      set.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
    }
  }
  return set;
}

std::vector<float> made_by_cpu(const data::image_set& set, const std::vector<std::int64_t>& samples,
                               const std::vector<augment::recipe>& recipes, int side) {
  const std::size_t each = samples.size() * static_cast<std::size_t>(side * side * 3);
  std::vector<float> views(recipes.size() * each);
  for (std::size_t v = 0; v < recipes.size(); ++v) {
    data::fill(set, samples, recipes[v], {5, 2, 0, static_cast<int>(v)}, side,
               views.data() + v * each);
  }
  return views;
}

std::vector<float> made_by_device(const data::image_set& set,
                                  const std::vector<std::int64_t>& samples,
                                  const std::vector<augment::recipe>& recipes, int side) {
  device b;
  buffer<std::uint8_t, device::allocator> pixels(set.pixels.size());
  b.upload_bytes(set.pixels.data(), set.pixels.size(), pixels.data());
  std::vector<augment::draw> draws;
  for (std::size_t v = 0; v < recipes.size(); ++v) {
    for (const auto sample : samples) {
      draws.push_back(augment::decide(recipes[v], {5, 2, sample, static_cast<int>(v)}, set.height,
                                      set.width, side, side));
    }
  }
  const augment::view_batch batch{.pixels = pixels.data(),
                                  .height = set.height,
                                  .width = set.width,
                                  .samples = samples.data(),
                                  .draws = draws.data(),
                                  .views = static_cast<std::int64_t>(recipes.size()),
                                  .per_view = static_cast<std::int64_t>(samples.size()),
                                  .side = side,
                                  .constants = set.normalization()};
  std::vector<float> views(draws.size() * static_cast<std::size_t>(side * side * 3));
  buffer<float, device::allocator> x(views.size());
  b.render(batch, x.data());
  b.download(x.data(), views.size(), views.data());
  return views;
}

/// How many numbers differ by more than rounding: a mean of lumas that is summed in another order,
/// some 1e-7 of it, then divided by deviations of 0.2 and more.
std::size_t others(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += std::abs(a[i] - b[i]) < 2e-5f ? 0u : 1u;
  return count;
}

}  // namespace

TEST_CASE("views made on a device are the CPU's but for rounding") {
  if (!present()) return;
  const auto square = noise(7, 32, 32), oblong = noise(5, 20, 27);
  const std::vector<std::int64_t> samples{3, 0, 4, 3, 1};
  for (const auto name : augment::preset_names) {
    std::vector<augment::recipe> recipes{augment::preset(name, 0), augment::preset(name, 1)};
    recipes[0].interpolation = augment::filter::bicubic;
    for (auto& r : recipes) r.solarize_p = r.solarize_p > 0 ? 1.0f : 0.0f;
    for (const int side : {32, 17, 48}) {
      for (const auto* set : {&square, &oblong}) {
        INFO(name << ", " << set->height << " to " << side);
        const auto ours = made_by_device(*set, samples, recipes, side);
        const auto theirs = made_by_cpu(*set, samples, recipes, side);
        // A number that rounding carries across the threshold of a solarization is turned over.
        CHECK(others(ours, theirs) <= (recipes[1].solarize_p > 0 ? ours.size() / 10000 : 0));
      }
    }
  }
}

TEST_CASE("wide blurs and strong jitters are the CPU's, too") {
  if (!present()) return;
  const auto set = noise(4, 24, 24);
  augment::recipe r = augment::recipes::mncl;
  r.jitter_p = r.blur_p = r.gray_p = 1;
  r.brightness = r.contrast = r.saturation = 0.8f;
  r.hue = 0.5f;
  r.scale_blur = false;
  r.sigma_min = 0.5f;
  r.sigma_max = 9;  // further than the view is wide
  augment::recipe colored = r;
  colored.gray_p = 0;
  const std::vector<std::int64_t> samples{0, 1, 2, 3};
  CHECK(others(made_by_device(set, samples, {r, colored}, 24),
               made_by_cpu(set, samples, {r, colored}, 24)) == 0);
}

TEST_CASE("views give the same bits again") {
  if (!present()) return;
  const auto set = noise(4, 32, 32);
  const std::vector<augment::recipe> recipes(3, augment::recipes::byol_1);
  CHECK((made_by_device(set, {0, 1, 2, 3}, recipes, 32) ==
         made_by_device(set, {0, 1, 2, 3}, recipes, 32)));
}

TEST_CASE("a run with resident images sees what a run with the loader's sees") {
  if (!present()) return;
  const auto set = data::procedural_images(48, 1, 0);
  const auto seen = [&](bool resident) {
    small_method<device, method::simclr_options> m;
    auto plan = small_plan(2, 2, 16);
    plan.seed = 3;
    plan.resident = resident;
    train::trainer<device> trainer(m.method, set, plan, 2);
    std::vector<float> views;
    method::trace<float> watch;
    watch.on_tensor = [&](const std::string& name, tensor<const float> t) {
      if (!name.starts_with("view/")) return;
      const std::size_t before = views.size();
      views.resize(before + t.size());
      m.backend.download(t.data, t.size(), views.data() + before);
    };
    for (int i = 0; i < 2; ++i) trainer.advance(watch);  // the end of an epoch and the next's start
    return views;
  };
  const auto device_s = seen(true), loader_s = seen(false);
  CHECK(device_s.size() == 4 * 16 * 16 * 16 * 3);
  CHECK(others(device_s, loader_s) == 0);
}
