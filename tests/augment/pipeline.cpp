#include <triptych/augment/pipeline.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include "augment/noise_image.hpp"
#include "support/catch.hpp"

using namespace triptych::augment;
using triptych::test::noise_image;

namespace {

std::vector<float> view(const recipe& r, const address& a, int size = 32) {
  static const auto pixels = noise_image(32, 32);
  workspace work;
  std::vector<float> out(static_cast<std::size_t>(size * size * 3));
  apply(r, {{0.5f, 0.4f, 0.3f}, {0.2f, 0.25f, 0.3f}}, {pixels, 32, 32}, a, size, size, work,
        out.data());
  return out;
}

}  // namespace

TEST_CASE("a plain view of the image's own size is the normalized image") {
  const auto pixels = noise_image(32, 32);
  const auto out = view(recipes::plain, {});
  const float mean[] = {0.5f, 0.4f, 0.3f}, deviation[] = {0.2f, 0.25f, 0.3f};
  for (std::size_t i = 0; i < out.size(); ++i) {
    REQUIRE(out[i] == Approx((static_cast<float>(pixels[i]) / 255 - mean[i % 3]) / deviation[i % 3])
                          .margin(1e-5));
  }
}

TEST_CASE("the same address gives the same bits, whatever was rendered before") {
  const auto pixels = noise_image(32, 32);
  workspace used;
  std::vector<float> out(224 * 224 * 3);
  apply(recipes::byol_1, {}, {pixels, 32, 32}, {1, 1, 1, 1}, 224, 224, used, out.data());
  out.resize(32 * 32 * 3);
  for (std::int64_t sample = 0; sample < 20; ++sample) {
    const address a{4, 2, sample, 1};
    apply(recipes::mncl, {{0.5f, 0.4f, 0.3f}, {0.2f, 0.25f, 0.3f}}, {pixels, 32, 32}, a, 32, 32,
          used, out.data());
    REQUIRE(out == view(recipes::mncl, a));
    REQUIRE(out != view(recipes::mncl, {4, 2, sample, 2}));
    REQUIRE(out != view(recipes::mncl, {4, 3, sample, 1}));
  }
}

TEST_CASE("every recipe gives finite views within the range of colors at every size") {
  for (const auto name : preset_names) {
    for (const int size : {1, 17, 64}) {
      for (std::int64_t sample = 0; sample < 20; ++sample) {
        for (const float v : view(preset(name), {1, 0, sample, 0}, size)) {
          REQUIRE((v > -2.51f && v < 2.81f));  // (0 - 0.5) / 0.2 to (1 - 0.4) / 0.25, nearly
        }
      }
    }
  }
}

TEST_CASE("the operations run in the order crop, jitter, gray, blur, solarize, flip") {
  const auto pixels = noise_image(20, 20);
  draw d;
  d.crop = {2, 3, 12, 10};
  d.frame = {0, 0, 16, 16};
  d.jittered = d.gray = d.solarized = d.flip = true;
  d.jitter.brightness = 1.2f;
  d.sigma = 0.9f;
  d.solarize_threshold = 0.5f;
  workspace work;
  std::vector<float> got(16 * 16 * 3), expected(got.size()), planes(got.size());
  render(d, {}, {pixels, 20, 20}, 16, 16, work, got.data());

  resize({pixels, 20, 20}, d.crop, filter::bilinear, d.frame, 16, 16, work.resize, planes.data());
  recolor(planes.data(), 256, brightness{1.2f});
  recolor(planes.data(), 256, grayscale{});
  blur(planes.data(), 16, 16, 0.9f, work.blur);
  recolor(planes.data(), 256, solarize{0.5f});
  finish(planes.data(), 16, 16, true, {}, expected.data());
  // Not the same bits: the library's text is compiled with other options than this one.
  for (std::size_t k = 0; k < got.size(); ++k) REQUIRE(std::abs(got[k] - expected[k]) < 1e-5f);
}
