// The committed golden files, and their layouts: images there are (N, C, H, W), here (N, H, W, C).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/core/tensor.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"

namespace triptych::test {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(TRIPTYCH_TESTS_DIR) / "golden" / "data" / name;
}

/// Numbers of PyTorch's layout (N, C, pixels) in ours (N, pixels, C), and the way back.
inline std::vector<double> channels_last(const std::vector<double>& v, const shape& s) {
  const auto channels = static_cast<std::size_t>(s.channels);
  const auto pixels = static_cast<std::size_t>(s.height * s.width);
  std::vector<double> ours(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::size_t n = i / (channels * pixels), c = i / pixels % channels, p = i % pixels;
    ours[(n * pixels + p) * channels + c] = v[i];
  }
  return ours;
}

/// Single layers and losses with their gradients, from tests/golden/layers.py.
class golden_layers {
 public:
  explicit golden_layers(std::string name) : name_(std::move(name)) {}

  /// A parameter of this case.
  template <class T>
  [[nodiscard]] T option(const std::string& key) const {
    return nlohmann::json::parse(file().metadata().at("cases")).at(name_).at(key).get<T>();
  }
  /// The shape of an image tensor or of a matrix of features.
  [[nodiscard]] shape extents(const std::string& tensor) const {
    const auto& s = file().info(name_ + "/" + tensor).shape;
    const auto at = [&](std::size_t i) { return static_cast<int>(s.at(i)); };
    return s.size() == 4 ? shape{s[0], at(2), at(3), at(1)} : features(s.at(0), at(1));
  }
  /// The numbers as they lie in the file.
  [[nodiscard]] std::vector<double> raw(const std::string& tensor) const {
    return file().values<double>(name_ + "/" + tensor);
  }
  /// Images or features, channels last.
  [[nodiscard]] std::vector<double> rows(const std::string& tensor) const {
    return channels_last(raw(tensor), extents(tensor));
  }

 private:
  static const io::safetensors_file& file() {
    static const auto opened = io::safetensors_file::open(golden_path("layers.safetensors"));
    return opened;
  }
  std::string name_;
};

/// Every number within 1e-12: both sides compute in double, in other orders.
inline void check_close(const std::vector<double>& ours, const std::vector<double>& golden) {
  REQUIRE(ours.size() == golden.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    INFO("number " << i);
    CHECK(std::abs(ours[i] - golden[i]) <= 1e-12 * (1 + std::abs(golden[i])));
  }
}

}  // namespace triptych::test
