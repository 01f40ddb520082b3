// A backend that writes down what a pass chooses: which relus are on, which pixel of a pool is the
// largest, which row is the nearest. Numbers are smooth in the weights as long as no choice
// changes, so two passes can be compared closely where their choices are the same, and only there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <triptych/concepts/normalizing_backend.hpp>

#include "support/device_array.hpp"

namespace triptych::test {

template <class B>
struct watched : B {
  using B::B;
  using real = typename B::real;
  using activation = typename B::activation;
  /// The maps' numbers where they are not real; else nothing.
  using narrow = std::conditional_t<std::is_same_v<activation, real>, struct no_map, activation>;

  bool watching = false;
  std::vector<int> choices;  ///< of the passes while it was watching

  void batch_norm_apply(const norm_shape& s, const real* x, const real* factor, const real* shift,
                        const real* residual, bool relu, real* y) {
    apply(s, x, factor, shift, residual, relu, y);
  }
  void batch_norm_apply(const norm_shape& s, const narrow* x, const real* factor, const real* shift,
                        const narrow* residual, bool relu, narrow* y) {
    apply(s, x, factor, shift, residual, relu, y);
  }

  using B::convolution_forward;
  /// The relu that a convolution computes while it reads.
  void convolution_forward(const convolution::geometry& g,
                           const normalized_map<activation, real>& x, const real* w,
                           activation* y) requires NormalizingBackend<B> {
    B::convolution_forward(g, x, w, y);
    if (!watching || x.factor == nullptr) return;
    const auto channels = static_cast<std::size_t>(g.in);
    const auto group = static_cast<std::size_t>(x.images * g.height * g.width) * channels;
    const auto size = static_cast<std::size_t>(g.images * g.height * g.width) * channels;
    const auto map = downloaded(static_cast<B&>(*this), x.x, size);
    const auto f = downloaded(static_cast<B&>(*this), x.factor, size / group * channels);
    const auto t = downloaded(static_cast<B&>(*this), x.shift, size / group * channels);
    for (std::size_t i = 0; i < map.size(); ++i) {
      const std::size_t c = i / group * channels + i % channels;
      choices.push_back(static_cast<real>(map[i]) * f[c] + t[c] > 0 ? 1 : 0);
    }
  }

  void bias_forward(std::int64_t rows, int channels, const real* bias, bool relu, real* y) {
    B::bias_forward(rows, channels, bias, relu, y);
    if (watching && relu) note_relu(y, rows * channels);
  }

  void max_pool_forward(const shape& x_shape, int kernel, int stride, int padding,
                        const activation* x, activation* y, int* largest) {
    B::max_pool_forward(x_shape, kernel, stride, padding, x, y, largest);
    const auto out = [&](std::int64_t side) { return (side + 2 * padding - kernel) / stride + 1; };
    note(largest, x_shape.images * out(x_shape.height) * out(x_shape.width) * x_shape.channels);
  }

  void argmax_rows(std::int64_t rows, std::int64_t columns, const real* x, int* largest) {
    B::argmax_rows(rows, columns, x, largest);
    note(largest, rows);
  }

 private:
  template <class T>
  void apply(const norm_shape& s, const T* x, const real* factor, const real* shift,
             const T* residual, bool relu, T* y) {
    B::batch_norm_apply(s, x, factor, shift, residual, relu, y);
    if (watching && relu) note_relu(y, s.rows * s.groups * s.channels);
  }
  template <class T>
  void note_relu(const T* y, std::int64_t count) {
    for (const T v : downloaded(static_cast<B&>(*this), y, static_cast<std::size_t>(count))) {
      choices.push_back(static_cast<real>(v) > 0 ? 1 : 0);
    }
  }
  void note(const int* indices, std::int64_t count) {
    if (!watching) return;
    const std::size_t before = choices.size();
    choices.resize(before + static_cast<std::size_t>(count));
    B::download_indices(indices, static_cast<std::size_t>(count), choices.data() + before);
  }
};

}  // namespace triptych::test
