// triptych/nn/conv2d.hpp
//
// Convolution without bias: (N,H,W,in) -> (N,H',W',out), H' = (H + 2 padding - kernel) / stride +
// 1. Starts Kaiming normal, fan-out (method.md section 1).
#pragma once

#include <string>
#include <type_traits>

#include <triptych/core/error.hpp>
#include <triptych/nn/feature_map.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::nn {

struct conv2d {
  int in = 0, out = 0, kernel = 1, stride = 1, padding = 0;
  std::size_t weight = 0;

  void declare(declaration& d, const std::string& name) {
    weight = d.weight(name + ".weight", {out, in, kernel, kernel}, initial::kaiming_normal,
                      std::int64_t{out} * kernel * kernel);
  }

  [[nodiscard]] convolution::geometry geometry(const shape& x) const {
    if (x.channels != in) {
      throw error::usage("conv2d: input " + to_string(x) + " has " + std::to_string(x.channels) +
                         " channels, the layer takes " + std::to_string(in) +
                         "; check the layer before it");
    }
    return {x.images, x.height, x.width, in, out, kernel, stride, padding};
  }
  [[nodiscard]] shape output(const shape& x) const {
    const auto g = geometry(x);
    return {x.images, g.out_height(), g.out_width(), out, x.groups};
  }

  /// x -> y; keeps x.
  template <class B>
  void forward(const pass<B>& p, const std::type_identity_t<feature_map<B>>& x,
               tensor<typename B::activation> y) const {
    p.backend.convolution_forward(geometry(x.x.shape), x.operand(), p.weights + weight, y.data);
    if (p.recording()) x.keep(*p.tape);
  }

  /// Adds to the weight gradient; dx is written (or added to, with `accumulate`) unless it is null.
  template <class B>
  void backward(const pass<B>& p, tensor<const typename B::activation> dy,
                typename B::activation* dx, bool accumulate = false) const {
    const auto x = feature_map<B>::kept(*p.tape);
    const auto g = geometry(x.x.shape);
    p.backend.convolution_backward_weights(g, x.operand(), dy.data, p.gradients + weight, true);
    if (dx != nullptr) {
      p.backend.convolution_backward_data(g, dy.data, p.weights + weight, dx, accumulate);
    }
  }
};

}  // namespace triptych::nn
