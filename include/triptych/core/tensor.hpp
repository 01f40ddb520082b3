// triptych/core/tensor.hpp
//
// A view of numbers in channels-last order. Nothing here owns memory: activations lie in a
// backend's stack arena, parameters in a network's flat arena.
//
//   N images, H x W pixels, C channels; row-major (N, H, W, C), so that a feature map is a matrix of
//   N*H*W rows and C columns, and a feature vector is the case H = W = 1.
//   G groups: the N images are G equal runs, one per view; BatchNorm treats each run as its own batch.
#pragma once

#include <cstdint>
#include <string>

#include <triptych/config.hpp>

namespace triptych {

/// The extents of a tensor.
struct shape {
  std::int64_t images = 0;  ///< N, all groups together
  int height = 1;           ///< H
  int width = 1;            ///< W
  int channels = 0;         ///< C
  int groups = 1;           ///< G, divides N

  [[nodiscard]] constexpr std::int64_t rows() const { return images * height * width; }
  [[nodiscard]] constexpr std::int64_t rows_per_group() const { return rows() / groups; }
  [[nodiscard]] constexpr std::size_t size() const {
    return static_cast<std::size_t>(rows()) * static_cast<std::size_t>(channels);
  }
  friend constexpr bool operator==(const shape&, const shape&) = default;
};

/// A matrix of `rows` feature vectors in `groups` equal runs.
constexpr shape features(std::int64_t rows, int channels, int groups = 1) {
  return {rows, 1, 1, channels, groups};
}

/// "(N,H,W,C)", for error messages.
inline std::string to_string(const shape& s) {
  std::string text = "(";
  text += std::to_string(s.images) + "," + std::to_string(s.height) + ",";
  return text + std::to_string(s.width) + "," + std::to_string(s.channels) + ")";
}

/// A shape and where its numbers are.
template <class T>
struct tensor {
  triptych::shape shape;
  T* data = nullptr;

  [[nodiscard]] constexpr std::size_t size() const { return shape.size(); }
  /// The images first ... first + count - 1 as a tensor of one group.
  [[nodiscard]] constexpr tensor images(std::int64_t first, std::int64_t count) const {
    tensor t = *this;
    t.shape.images = count;
    t.shape.groups = 1;
    t.data += static_cast<std::size_t>(first) * (size() / static_cast<std::size_t>(shape.images));
    return t;
  }
  constexpr operator tensor<const T>() const { return {shape, data}; }  // NOLINT: a view converts
};

/// Does a matrix product use an operand as it lies or transposed?
enum class transpose : bool { no = false, yes = true };

}  // namespace triptych
