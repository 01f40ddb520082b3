// Training steps of every method on a device: beside the oracle's, the same bits again, and in the memory
// of the first step.
#include TRIPTYCH_UNDER_TEST

#include <triptych/backend/reference.hpp>
#include <triptych/method/byol.hpp>
#include <triptych/method/fast_moco.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/moco.hpp>
#include <triptych/method/nnclr.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/method/simsiam.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device/present.hpp"
#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// A small method of either stem on any backend, fed with noisy views of random images.
template <class B, class Options>
struct small_method {
  static constexpr int views = Options::about.views;
  static constexpr std::int64_t batch = 8;
  static constexpr int side = 16;

  B backend;
  typename Options::template method<B> method;

  explicit small_method(bool imagenet_stem = false)
      : method(backend, layers(imagenet_stem), options(), 5) {}

  static nn::stack<> layers(bool imagenet_stem) {
    nn::resnet_options encoder{.width = 6, .blocks = {1, 1, 1, 1}};
    if (imagenet_stem) encoder.stem = nn::stem::imagenet;
    return nn::stack<>(nn::resnet(encoder), {.projector = {160, 32}, .predictor_hidden = 16});
  }
  static Options options() {
    Options o;
    if constexpr (requires { o.queue; }) o.queue = 20;
    if constexpr (requires { o.temperature; }) o.temperature = 0.5;
    return o;
  }

  method::step_report step(std::int64_t number) {
    const shape s{views * batch, side, side, 3, views};
    const auto one = static_cast<std::int64_t>(s.size() / views);
    std::vector<double> x;
    const auto image = random_numbers(one, 10 + static_cast<std::uint64_t>(number));
    for (std::uint64_t view = 1; view <= views; ++view) {
      const auto noise = random_numbers(one, 1000 * static_cast<std::uint64_t>(number + 1) + view);
      for (std::size_t i = 0; i < image.size(); ++i) x.push_back(image[i] + 0.5 * noise[i]);
    }
    const device_array<B> images(backend, x);
    return method.step({s, images.data()}, {number, 0.05, 0.05, 1});
  }

  /// Every number that a checkpoint would hold.
  std::vector<double> state() {
    std::vector<double> all;
    for (const auto& arena : method.arenas()) {
      std::vector<typename B::real> host(arena.list->size());
      backend.download(arena.data, host.size(), host.data());
      all.insert(all.end(), host.begin(), host.end());
    }
    return all;
  }
};

double relative_difference(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    difference += std::pow(found[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEMPLATE_TEST_CASE("three steps of every method stay near the oracle's", "", method::moco_options,
                   method::simsiam_options, method::simclr_options, method::byol_options,
                   method::nnclr_options, method::fast_moco_options, method::mncl_options) {
  if (!present()) return;
  for (const bool imagenet_stem : {false, true}) {
    small_method<device, TestType> fast(imagenet_stem);
    small_method<backend::reference<double>, TestType> exact(imagenet_stem);
    for (int i = 0; i < 3; ++i) {
      INFO("step " << i + 1 << (imagenet_stem ? ", ImageNet stem" : ""));
      const auto ours = fast.step(i), truth = exact.step(i);
      // Single precision, 1e-7, through a dozen layers whose BatchNorms divide by small deviations,
      // and relus whose slope jumps at zero. Losses of cosines pass through zero.
      CHECK(ours.loss == Approx(truth.loss).epsilon(1e-4).margin(1e-5));
      CHECK(ours.terms[0] == Approx(truth.terms[0]).epsilon(1e-4).margin(1e-5));
      CHECK(ours.terms[1] == Approx(truth.terms[1]).epsilon(1e-4).margin(1e-5));
      CHECK(ours.gradient_norm == Approx(truth.gradient_norm).epsilon(1e-3));
    }
    CHECK(relative_difference(fast.state(), exact.state()) < 1e-3);
  }
}

TEMPLATE_TEST_CASE("steps give the same bits again", "", method::moco_options, method::mncl_options) {
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
  const auto thrown =
      thrown_by([&] { static_cast<void>(m.method.step({s, images.data()}, {0, 0.05, 0.05, 1})); });
  CHECK(thrown.kind == error_kind::non_finite);
  CHECK(thrown.says("input image holds NaN or infinity"));
  const auto after = m.state();
  REQUIRE(before.size() == after.size());
  const auto& arenas = m.method.arenas();
  const std::size_t weights = arenas.front().list->size();
  CHECK(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(weights),
                   after.begin()));
}
