// Encoders as other programs write them, made for tests: tensors whose numbers follow from their
// names, as tests/golden/encoders.py has them, and files of them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/io/safetensors.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/host_tensor.hpp>

namespace triptych::test {

/// Numbers in [0, 1) from a name: splitmix64 from its FNV-1a hash.
class named_numbers {
 public:
  explicit named_numbers(std::string_view name) {
    for (const char c : name) {
      state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    }
  }
  double next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

/// What the formula gives a tensor of torchvision's name; "image" is one, too.
inline std::vector<float> named_values(const std::string& name,
                                       const std::vector<std::int64_t>& shape) {
  std::size_t size = 1;
  for (const auto extent : shape) size *= static_cast<std::size_t>(extent);
  const auto fan = static_cast<double>(size) / static_cast<double>(shape.front());
  const bool image = name == "image", convolution = !image && shape.size() == 4;
  named_numbers u(name);
  std::vector<float> values(size);
  for (auto& v : values) {
    const double x = u.next(), centered = 2 * x - 1;
    v = static_cast<float>(image                            ? 2 * centered
                           : convolution                    ? centered * std::sqrt(6 / fan)
                           : name.ends_with(".running_var") ? 0.5 + x
                           : name.ends_with(".weight")      ? 0.5 + 0.5 * x
                                                            : 0.2 * centered);
  }
  return values;
}

/// The tensors of a ResNet under torchvision's names.
inline std::vector<train::host_tensor<float>> resnet_tensors(const nn::resnet_options& options) {
  nn::declaration d;
  nn::resnet(options).declare(d);
  std::vector<train::host_tensor<float>> tensors;
  for (const auto* list : {&d.weights, &d.statistics}) {
    for (const auto& p : *list) tensors.push_back({p.name, p.shape, named_values(p.name, p.shape)});
  }
  return tensors;
}

/// A file of tensors, read back.
inline io::safetensors_file in_a_file(const std::filesystem::path& path,
                                      const std::vector<train::host_tensor<float>>& tensors) {
  io::save_safetensors(path, train::sources(tensors), {});
  return io::safetensors_file::open(path);
}

}  // namespace triptych::test
