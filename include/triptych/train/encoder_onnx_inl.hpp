// triptych/train/encoder_onnx_inl.hpp
//
// The bodies of encoder_onnx.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/onnx.hpp>
#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/encoder_onnx.hpp>

namespace triptych::train {

namespace detail {

/// Builds the graph of a ResNet node by node, as nn::resnet computes it. A tensor is known by its
/// name.
class resnet_graph {
 public:
  resnet_graph(const encoder_weights& weights, io::onnx_model& model) : model_(model) {
    nn::declaration d;
    nn::resnet(weights.architecture).declare(d);
    for (const auto* list : {&d.weights, &d.statistics}) {
      for (const auto& p : *list) shapes_.emplace(p.name, p.shape);
    }
    for (const auto& [name, shape] : shapes_) {
      const auto& values = weights.of(name);
      std::size_t size = 1;
      for (const auto extent : shape) size *= static_cast<std::size_t>(extent);
      if (values.size() != size) {
        throw error::checkpoint("the encoder's weights hold " + std::to_string(values.size()) +
                                " numbers of " + name + ", not " + std::to_string(size) +
                                "; give those of an encoder of the same width, blocks and stem");
      }
      model_.tensors.push_back({name, shape, values});
    }
  }

  /// Whether the encoder has a layer.
  [[nodiscard]] bool has(const std::string& layer) const {
    return shapes_.contains(layer + ".weight");
  }

  std::string add(const std::string& name, const char* type, std::vector<std::string> inputs,
                  std::vector<io::onnx_attribute> attributes = {}) {
    model_.nodes.push_back({name, type, std::move(inputs), std::move(attributes)});
    return name;
  }

  /// bn(conv(x)), padded so that stride 1 keeps the size.
  std::string normalized(const std::string& conv, const std::string& bn, const std::string& x,
                         std::int64_t stride) {
    const std::string weight = conv + ".weight";
    const std::int64_t kernel = shapes_.at(weight).back(), pad = kernel / 2;
    add(conv, "Conv", {x, weight},
        {{"kernel_shape", std::vector{kernel, kernel}},
         {"pads", std::vector{pad, pad, pad, pad}},
         {"strides", std::vector{stride, stride}}});
    return add(bn, "BatchNormalization",
               {conv, bn + ".weight", bn + ".bias", bn + ".running_mean", bn + ".running_var"},
               {{"epsilon", static_cast<float>(nn::batch_norm::epsilon)}});
  }

  /// The block `name`, such as layer2.0; its stride is that of its first 3x3 convolution.
  std::string block(const std::string& name, const std::string& x, std::int64_t stride) {
    const int last = has(name + ".conv3") ? 3 : 2, strided = last - 1;
    std::string y = x;
    for (int i = 1; i <= last; ++i) {
      const auto number = std::to_string(i);
      y = normalized(name + ".conv" + number, name + ".bn" + number, y, i == strided ? stride : 1);
      if (i < last) y = add(name + ".relu" + number, "Relu", {y});
    }
    const std::string down = name + ".downsample.";
    const auto bypass = has(down + "0") ? normalized(down + "0", down + "1", x, stride) : x;
    return add(name, "Relu", {add(name + ".add", "Add", {y, bypass})});
  }

 private:
  io::onnx_model& model_;
  std::map<std::string, std::vector<std::int64_t>, std::less<>> shapes_;
};

}  // namespace detail

TRIPTYCH_INLINE std::string onnx_encoder(const encoder_weights& weights,
                                         const onnx_description& description) {
  const nn::resnet encoder(weights.architecture);
  io::onnx_model model{
      .name = "encoder",
      .description =
          "A ResNet encoder: images (N,3,H,W), RGB, pixels scaled to [0, 1], to features",
      .producer_version = description.producer_version,
      .nodes = {},
      .tensors = {},
      .inputs = {},
      .outputs = {},
      .metadata = description.metadata};
  detail::resnet_graph graph(weights, model);
  const auto& [mean, deviation] = description.constants;
  const std::vector<std::int64_t> channels{1, 3, 1, 1};
  model.tensors.push_back({"normalize.mean", channels, mean});
  model.tensors.push_back({"normalize.deviation", channels, deviation});

  auto x = graph.add("normalize.sub", "Sub", {"images", "normalize.mean"});
  x = graph.add("normalize", "Div", {x, "normalize.deviation"});
  const bool large = weights.architecture.stem == nn::stem::imagenet;
  x = graph.add("relu", "Relu", {graph.normalized("conv1", "bn1", x, large ? 2 : 1)});
  if (large) {
    x = graph.add("maxpool", "MaxPool", {x},
                  {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                   {"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
                   {"strides", std::vector<std::int64_t>{2, 2}}});
  }
  for (std::size_t stage = 0; stage < weights.architecture.blocks.size(); ++stage) {
    const std::string layer = "layer" + std::to_string(stage + 1) + ".";
    for (int b = 0; b < weights.architecture.blocks[stage]; ++b) {
      x = graph.block(layer + std::to_string(b), x, stage > 0 && b == 0 ? 2 : 1);
    }
  }
  x = graph.add("avgpool", "GlobalAveragePool", {x});
  graph.add("features", "Flatten", {x}, {{"axis", std::int64_t{1}}});

  using extent = std::variant<std::int64_t, std::string>;
  const std::int64_t size = description.image_size;
  const extent height = size > 0 ? extent(size) : extent("height"),
               width = size > 0 ? extent(size) : extent("width");
  model.inputs.push_back({"images", {extent("N"), extent(std::int64_t{3}), height, width}});
  model.outputs.push_back({"features", {extent("N"), extent(std::int64_t{encoder.out()})}});
  return io::onnx_file(model);
}

}  // namespace triptych::train
