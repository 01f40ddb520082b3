#include <triptych/augment/recipe.hpp>

#include <limits>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::augment;

TEST_CASE("every preset is found under its name and is valid") {
  for (const auto name : preset_names) {
    CHECK_NOTHROW(validate(preset(name)));
  }
  CHECK(preset("plain") == recipe{});
  CHECK(preset("fast_moco") == preset("mncl"));
}

TEST_CASE("the presets hold the published numbers") {
  const recipe m = preset("mncl");
  CHECK(m.random_crop);
  CHECK(m.crop == crop_range{0.2f, 1.0f, 0.75f, 4.0f / 3});
  CHECK(m.interpolation == filter::bilinear);
  CHECK(m.jitter_p == 0.8f);
  CHECK(m.brightness == 0.4f);
  CHECK(m.contrast == 0.4f);
  CHECK(m.saturation == 0.4f);
  CHECK(m.hue == 0.1f);
  CHECK(m.gray_p == 0.2f);
  CHECK(m.blur_p == 0.5f);
  CHECK(m.sigma_min == 0.1f);
  CHECK(m.sigma_max == 2.0f);
  CHECK(m.scale_blur);
  CHECK(m.solarize_p == 0.0f);
  CHECK(m.flip_p == 0.5f);
  CHECK(preset("linear").crop.scale_min == 0.08f);
  CHECK(preset("linear").jitter_p == 0.0f);
  CHECK(preset("simclr").blur_p == 0.0f);
  CHECK(preset("byol_1").blur_p == 1.0f);
  CHECK(preset("byol_1").solarize_p == 0.0f);
  CHECK(preset("byol_2").blur_p == 0.1f);
  CHECK(preset("byol_2").solarize_p == 0.2f);
  CHECK(preset("weak_strong", 0).crop == m.crop);
  CHECK(preset("weak_strong", 0).jitter_p == 0.0f);
  CHECK(preset("weak_strong", 0).flip_p == 0.5f);
  CHECK(preset("weak_strong", 1) == m);
}

TEST_CASE("an unknown preset is a usage error that suggests the nearest") {
  const auto e = thrown_by([] { (void)preset("mcnl"); });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("did you mean 'mncl'"));
}

TEST_CASE("a number out of range, or none, is refused by its name") {
  recipe r = preset("mncl");
  r.hue = 0.6f;
  CHECK(thrown_by([&] { validate(r); }).says("hue"));
  r = preset("mncl");
  r.jitter_p = std::numeric_limits<float>::quiet_NaN();
  CHECK(thrown_by([&] { validate(r); }).says("jitter_p"));
  r = preset("mncl");
  r.crop.scale_max = 0.1f;
  CHECK(thrown_by([&] { validate(r); }).says("crop.scale_max"));
}
