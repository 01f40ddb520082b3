// An encoder whose convolutions do the last step of the BatchNorm before them, beside the same
// encoder on the same backend with every normalized map written.
#include <triptych/backend/eigen.hpp>
#include <triptych/nn/feature_map.hpp>
#include <triptych/nn/resnet.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/seed.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// The backend with no convolution that normalizes.
struct in_parts : backend::eigen<> {
  using backend::eigen<>::eigen;
  static bool reads_normalized(const convolution::geometry&) { return false; }
};
static_assert(NormalizingBackend<in_parts>);

struct outcome {
  std::vector<float> features, gradient, statistics;
  std::size_t bytes;
};

/// One pass over 12 images of 16 x 16 in two views, and back, where there is a gradient.
template <class B>
outcome passed(const nn::resnet_options& options, nn::mode mode, bool recording, int view_parts) {
  B backend(2);
  nn::resnet encoder(options);
  nn::declaration d;
  encoder.declare(d);
  std::vector<float> weights = nn::initial_values<float>(d.weights, seeded(1));
  std::vector<float> statistics = nn::initial_values<float>(d.statistics, seeded(1));
  // Away from one and zero, so that factor and shift matter.
  for (const auto& p : d.weights) {
    for (std::size_t i = p.offset; p.is_vector() && i < p.offset + p.size(); ++i) {
      weights[i] += 0.4f * std::sin(static_cast<float>(i));
    }
  }
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    statistics[i] += 0.3f * std::abs(std::cos(static_cast<float>(i)));
  }
  const shape s{12, 16, 16, 3, 2};
  const auto images = random_numbers(static_cast<std::int64_t>(s.size()), 2);
  const std::vector<float> x(images.begin(), images.end());
  outcome o{{}, std::vector<float>(weights.size()), {}, 0};
  nn::tape tape;
  nn::pass<B> p{
      backend,          weights.data(), statistics.data(), mode, recording ? &tape : nullptr,
      o.gradient.data()};
  p.view_parts = view_parts;
  const arena_frame scope(backend.arena());
  const auto h = encoder.forward(p, tensor<const float>{s, x.data()});
  o.features.assign(h.data, h.data + h.size());
  if (recording) {
    const auto dh = p.take(h.shape);
    for (std::size_t i = 0; i < dh.size(); ++i) dh.data[i] = std::sin(static_cast<float>(i));
    encoder.backward(p, dh);
  }
  o.statistics = statistics;
  o.bytes = backend.arena().peak_bytes();
  return o;
}

/// The largest difference, in parts of the largest number.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(double(a[i]) - double(b[i])));
    largest = std::max(largest, std::abs(double(b[i])));
  }
  return most / largest;
}

}  // namespace

TEST_CASE("convolutions that normalize give the encoder, its gradients and its statistics") {
  for (const auto block : {nn::block::basic, nn::block::bottleneck}) {
    nn::resnet_options options;
    options.width = 16;
    options.block = block;
    options.blocks = {1, 2, 1, 1};
    for (const int view_parts : {1, 3}) {
      const auto with = passed<backend::eigen<>>(options, nn::mode::train, true, view_parts);
      const auto without = passed<in_parts>(options, nn::mode::train, true, view_parts);
      CHECK(difference(with.features, without.features) < 1e-5);
      CHECK(difference(with.statistics, without.statistics) < 1e-5);
      // One relu of some hundred thousand may choose otherwise.
      CHECK(difference(with.gradient, without.gradient) < 1e-2);
      CHECK(with.bytes < without.bytes);

      const auto unrecorded = passed<backend::eigen<>>(options, nn::mode::train, false, view_parts);
      CHECK(unrecorded.features == with.features);
      CHECK(unrecorded.statistics == with.statistics);
    }
    const auto with = passed<backend::eigen<>>(options, nn::mode::evaluate, false, 1);
    const auto without = passed<in_parts>(options, nn::mode::evaluate, false, 1);
    CHECK(difference(with.features, without.features) < 1e-5);
    CHECK(with.statistics == without.statistics);
  }
}
