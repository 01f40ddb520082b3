// Training steps of every method on a device: beside the oracle's, the same bits again, and in the
// memory of the first step.
#include TRIPTYCH_UNDER_TEST

#include <triptych/method/all.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "device/near_oracle.hpp"
#include "device/present.hpp"
#include "device/small_method.hpp"
#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// Single precision, 1e-7, through a dozen layers whose BatchNorms divide by small deviations.
constexpr nearness with_float_maps{1e-4, 1e-5, 1e-3, 1e-3};
/// After as many layers maps of 8 bits are off by about a hundredth. So many relus are on the other
/// side of zero, and each takes a whole number from the gradient or gives it one: its error is the
/// root of their share. A tenth in each of eight relus is 0.2 to 0.3 of the gradient's length;
/// PyTorch's autocast on such a network is as far off. With the ImageNet stem the last maps are
/// single pixels of eight images. Seen on 41 sets of inputs: changes off by up to 0.60 and 0.81 of
/// their length, where one that has nothing to do with the oracle's is off by 1.4; norms by up to
/// 0.25 and 0.36.
constexpr nearness with_narrow_maps(bool imagenet_stem) {
  return imagenet_stem ? nearness{0.02, 0.02, 0.6, 1.0} : nearness{0.02, 0.02, 0.35, 0.8};
}
/// The terms of Barlow Twins are squares of what eight rows correlate, in columns divided by small
/// deviations: seen on 40 sets of inputs, off by up to 0.26, where the terms of unrelated rows are
/// seven times as large.
template <class Options>
constexpr nearness near(bool imagenet_stem) {
  if (std::is_same_v<device::activation, device::real>) return with_float_maps;
  nearness bound = with_narrow_maps(imagenet_stem);
  if (std::is_same_v<Options, method::barlow_twins_options>) bound.loss = 0.35;
  return bound;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("three steps of every method stay near the oracle's", "", method::all) {
  if (!present()) return;
  for (const bool imagenet_stem : {false, true}) {
    check_steps_near_oracle<device, TestType>(near<TestType>(imagenet_stem), imagenet_stem);
  }
}

TEMPLATE_TEST_CASE("steps give the same bits again", "", method::moco_options,
                   method::mncl_options) {
  if (!present()) return;
  const auto run = [] {
    small_method<device, TestType> m;
    for (int i = 0; i < 4; ++i) m.step(i);
    return m.state();
  };
  const auto once = run();
  CHECK(std::all_of(once.begin(), once.end(), [](double v) { return std::isfinite(v); }));
  CHECK((run() == once));  // without printing them
}

TEST_CASE("no step after the first takes more memory") {
  if (!present()) return;
  small_method<device, method::mncl_options> m;
  m.step(0);
  const auto growths = m.backend.arena().growths();
  const auto peak = m.backend.arena().peak_bytes();
  for (int i = 1; i < 4; ++i) m.step(i);
  CHECK(m.backend.arena().growths() == growths);
  CHECK(m.backend.arena().peak_bytes() == peak);
}

TEST_CASE("a step that is not finite is refused, the weights untouched") {
  if (!present()) return;
  small_method<device, method::simclr_options> m;
  const auto before = m.state();
  const shape s{16, 16, 16, 3, 2};
  std::vector<double> x(s.size(), 0.5);
  x[7] = std::nan("");
  const device_array<device> images(m.backend, x);
  const auto thrown = thrown_by([&] {
    static_cast<void>(m.method.step({s, images.data()}, {0, 0.05, 0.05, 1}));
  });
  CHECK(thrown.kind == error_kind::non_finite);
  CHECK(thrown.says("input image holds NaN or infinity"));
  const auto after = m.state();
  REQUIRE(before.size() == after.size());
  const auto& arenas = m.method.arenas();
  const std::size_t weights = arenas.front().list->size();
  CHECK(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(weights),
                   after.begin()));
}
