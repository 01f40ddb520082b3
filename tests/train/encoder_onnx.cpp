#include <triptych/train/encoder_onnx.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/network/network.hpp>
#include <triptych/train/encoder_import.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/thrown.hpp"
#include "train/foreign_encoder.hpp"
#include "train/onnx_graph.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

train::encoder_weights weights_of(const nn::resnet_options& architecture) {
  train::encoder_weights weights{architecture, {}, {}};
  for (auto& t : resnet_tensors(architecture)) weights.tensors.emplace(t.name, std::move(t.values));
  return weights;
}

const augment::normalization constants{{0.4f, 0.5f, 0.6f}, {0.2f, 0.25f, 0.3f}};

/// Images (N, 3, H, W) between 0 and 1.
onnx_array images(std::int64_t n, std::int64_t height, std::int64_t width) {
  onnx_array x{{n, 3, height, width}, {}};
  for (const float v : named_values("image", x.shape)) {
    x.values.push_back(static_cast<double>(v) / 4 + 0.5);
  }
  return x;
}

}  // namespace

TEST_CASE("The graph of an ONNX file gives the encoder's features") {
  using nn::block, nn::stem;
  const auto architecture = GENERATE(
      nn::resnet_options{.width = 2, .blocks = {1, 1, 1, 1}},
      nn::resnet_options{.width = 3, .blocks = {2, 1, 3, 1}},
      nn::resnet_options{.stem = stem::imagenet, .width = 4, .blocks = {1, 2, 1, 2}},
      nn::resnet_options{.block = block::bottleneck, .width = 2, .blocks = {2, 1, 2, 1}},
      nn::resnet_options{
          .stem = stem::imagenet, .block = block::bottleneck, .width = 1, .blocks = {1, 2, 1, 1}});
  const auto weights = weights_of(architecture);
  const onnx_graph graph(train::onnx_encoder(weights, {.constants = constants}));
  const auto x = images(2, 33, 18);  // odd sides too
  const auto features = graph(x);

  using backend_type = backend::reference<double>;
  backend_type backend;
  network<backend_type, update::ema> encoder(backend,
                                             nn::architecture<>(nn::resnet(architecture), {{}, 0}));
  train::import_encoder(encoder, weights);
  const shape s{2, 33, 18, 3};
  auto pixels = channels_last(x.values, s);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = (pixels[i] - static_cast<double>(constants.mean[i % 3])) /
                static_cast<double>(constants.deviation[i % 3]);
  }
  const auto h = encoder.embed({s, pixels.data()});
  REQUIRE(features.shape == std::vector<std::int64_t>{2, encoder.architecture().encoder.out()});
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < h.size(); ++i) {
    largest = std::max(largest, std::abs(h.data[i]));
    error = std::max(error, std::abs(h.data[i] - features.values[i]));
  }
  CHECK(largest > 0);
  CHECK(error < 1e-9 * largest);  // the file's epsilon is a float
}

TEST_CASE("Every tensor of the encoder stands in an ONNX file, bit for bit") {
  const nn::resnet_options architecture{.width = 2, .blocks = {1, 2, 1, 1}};
  const auto weights = weights_of(architecture);
  const auto file = train::onnx_encoder(
      weights, {.constants = constants, .image_size = 32, .metadata = {{"triptych.arch", "x"}}});
  const onnx_graph graph(file);
  const auto& tensors = graph.tensors();
  CHECK(tensors.size() == weights.tensors.size() + 2);
  for (const auto& t : resnet_tensors(architecture)) {
    INFO(t.name);
    const auto& there = tensors.at(t.name);
    CHECK(there.shape == t.shape);
    CHECK(there.values == std::vector<double>(t.values.begin(), t.values.end()));
  }
  CHECK(tensors.at("normalize.mean").values ==
        std::vector<double>(constants.mean.begin(), constants.mean.end()));
  const auto& deviation = tensors.at("normalize.deviation");
  CHECK(deviation.shape == std::vector<std::int64_t>{1, 3, 1, 1});
  CHECK(deviation.values ==
        std::vector<double>(constants.deviation.begin(), constants.deviation.end()));

  // The size of the images is fixed where it is known, the batch never.
  const auto extents = [](const std::string& of) {
    const auto type = field_of(field_of(field_of(field_of(of, 7).text, 11).text, 2).text, 1).text;
    std::vector<std::string> all;
    for (const auto& f : fields_of(field_of(type, 2).text, 1)) {
      const auto known = fields_of(f.text, 1);
      all.push_back(known.empty() ? std::string(field_of(f.text, 2).text)
                                  : std::to_string(known.front().integer()));
    }
    return all;
  };
  CHECK(extents(file) == std::vector<std::string>{"N", "3", "32", "32"});
  CHECK(extents(train::onnx_encoder(weights, {})) ==
        std::vector<std::string>{"N", "3", "height", "width"});
  CHECK(field_of(field_of(file, 14).text, 2).text == "x");
}

TEST_CASE("Weights that do not fit their architecture make no ONNX file") {
  auto missing = weights_of({.width = 2, .blocks = {1, 1, 1, 1}}), other = missing;
  missing.tensors.erase("bn1.bias");
  other.tensors["bn1.bias"].push_back(0);
  CHECK(thrown_by([&] { train::onnx_encoder(missing, {}); }).says("hold no \"bn1.bias\""));
  const auto refused = thrown_by([&] { train::onnx_encoder(other, {}); });
  CHECK(refused.kind == error_kind::checkpoint);
  CHECK(refused.says("3 numbers of bn1.bias, not 2"));
}
