// Reads the graph of an ONNX file back and computes it, plainly and in double precision: the eight
// operators that an encoder has.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/protobuf_reader.hpp"

namespace triptych::test {

/// A tensor (N, C, H, W), or (N, C) or (C).
struct onnx_array {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  [[nodiscard]] std::int64_t extent(std::size_t i) const { return i < shape.size() ? shape[i] : 1; }
};

class onnx_graph {
 public:
  explicit onnx_graph(std::string_view file) : graph_(field_of(file, 7).text) {
    for (const auto& f : fields_of(graph_, 5)) {
      onnx_array tensor;
      for (const auto& extent : fields_of(f.text, 1)) tensor.shape.push_back(extent.integer());
      const auto raw = field_of(f.text, 9).text;
      std::vector<float> values(raw.size() / sizeof(float));
      std::memcpy(values.data(), raw.data(), raw.size());
      tensor.values.assign(values.begin(), values.end());
      tensors_.emplace(field_of(f.text, 8).text, std::move(tensor));
    }
  }

  [[nodiscard]] const std::map<std::string, onnx_array>& tensors() const { return tensors_; }

  /// The output of the images (N, 3, H, W).
  [[nodiscard]] onnx_array operator()(const onnx_array& images) const {
    auto known = tensors_;
    known[std::string(field_of(field_of(graph_, 11).text, 1).text)] = images;
    for (const auto& f : fields_of(graph_, 1)) {
      std::vector<const onnx_array*> in;
      for (const auto& name : fields_of(f.text, 1)) in.push_back(&known.at(std::string(name.text)));
      known[std::string(field_of(f.text, 2).text)] = computed(f.text, in);
    }
    return known.at(std::string(field_of(field_of(graph_, 12).text, 1).text));
  }

 private:
  /// The numbers of an attribute.
  static std::vector<std::int64_t> whole(std::string_view node, std::string_view name) {
    for (const auto& f : fields_of(node, 5)) {
      if (field_of(f.text, 1).text != name) continue;
      std::vector<std::int64_t> numbers;
      for (const auto& n : fields_of(f.text, 8)) numbers.push_back(n.integer());
      return numbers;
    }
    throw std::runtime_error("no attribute " + std::string(name));
  }

  static onnx_array computed(std::string_view node, const std::vector<const onnx_array*>& in) {
    const auto type = field_of(node, 4).text;
    onnx_array y = *in.at(0);
    const std::int64_t plane = y.extent(2) * y.extent(3), channels = y.extent(1);
    const auto each = [&](const auto& f) {
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / plane % channels);
        y.values[i] = f(y.values[i], i, c);
      }
      return y;
    };
    const auto at = [&](std::size_t input, std::size_t i) { return in.at(input)->values.at(i); };
    if (type == "Relu") return each([](double x, auto, auto) { return std::max(x, 0.0); });
    if (type == "Add") return each([&](double x, auto i, auto) { return x + at(1, i); });
    if (type == "Sub") return each([&](double x, auto, auto c) { return x - at(1, c); });
    if (type == "Div") return each([&](double x, auto, auto c) { return x / at(1, c); });
    if (type == "BatchNormalization") {
      const double epsilon = static_cast<double>(field_of(field_of(node, 5).text, 2).float32());
      return each([&](double x, auto, auto c) {
        return at(1, c) * (x - at(3, c)) / std::sqrt(at(4, c) + epsilon) + at(2, c);
      });
    }
    if (type == "Flatten") {
      y.shape = {y.extent(0), channels * plane};
      return y;
    }
    if (type == "GlobalAveragePool") {
      onnx_array mean{{y.extent(0), channels, 1, 1}, {}};
      mean.values.resize(static_cast<std::size_t>(y.extent(0) * channels));
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        mean.values[i / static_cast<std::size_t>(plane)] +=
            y.values[i] / static_cast<double>(plane);
      }
      return mean;
    }
    if (type == "Conv" || type == "MaxPool") return windows(node, in);
    throw std::runtime_error("no operator " + std::string(type));
  }

  /// Sums of products with a kernel, or the largest number of a window.
  static onnx_array windows(std::string_view node, const std::vector<const onnx_array*>& in) {
    const auto kernel = whole(node, "kernel_shape"), pads = whole(node, "pads"),
               strides = whole(node, "strides");
    const auto& x = *in.at(0);
    const bool pooled = in.size() == 1;
    const std::int64_t channels = x.extent(1), height = x.extent(2), width = x.extent(3);
    const std::int64_t out = pooled ? channels : in.at(1)->extent(0);
    const auto reach = [&](std::int64_t size, std::size_t axis) {
      return (size + pads.at(axis) + pads.at(axis + 2) - kernel.at(axis)) / strides.at(axis) + 1;
    };
    onnx_array y{{x.extent(0), out, reach(height, 0), reach(width, 1)}, {}};
    for (std::int64_t n = 0; n < y.extent(0); ++n) {
      for (std::int64_t o = 0; o < out; ++o) {
        for (std::int64_t i = 0; i < y.extent(2) * y.extent(3); ++i) {
          const std::int64_t top = i / y.extent(3) * strides[0] - pads[0],
                             left = i % y.extent(3) * strides[1] - pads[1];
          double result = pooled ? -std::numeric_limits<double>::infinity() : 0;
          for (std::int64_t c = pooled ? o : 0; c < (pooled ? o + 1 : channels); ++c) {
            for (std::int64_t t = 0; t < kernel[0] * kernel[1]; ++t) {
              const std::int64_t row = top + t / kernel[1], column = left + t % kernel[1];
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              const auto from = ((n * channels + c) * height + row) * width + column;
              const double value = x.values.at(static_cast<std::size_t>(from));
              if (pooled) {
                result = std::max(result, value);
              } else {
                const auto weight = (o * channels + c) * kernel[0] * kernel[1] + t;
                result += value * in.at(1)->values.at(static_cast<std::size_t>(weight));
              }
            }
          }
          y.values.push_back(result);
        }
      }
    }
    return y;
  }

  std::string graph_;
  std::map<std::string, onnx_array> tensors_;
};

}  // namespace triptych::test
