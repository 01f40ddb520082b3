// triptych/nn/linear.hpp
//
// Fully connected layer: y (N, out) = relu?(x (N, in) W^T + b), or x W^T without bias and relu.
// Starts as PyTorch's does, uniform in +-1/sqrt(in).
#pragma once

#include <string>

#include <triptych/core/error.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::nn {

struct linear {
  int in = 0, out = 0;
  bool has_bias = true;
  std::size_t weight = 0, bias = 0;

  void declare(declaration& d, const std::string& name) {
    weight = d.weight(name + ".weight", {out, in}, initial::uniform, in);
    if (has_bias) bias = d.weight(name + ".bias", {out}, initial::uniform, in);
  }

  [[nodiscard]] shape output(const shape& x) const {
    if (x.channels != in || x.height != 1 || x.width != 1) {
      throw error::usage("linear: input " + to_string(x) + ", the layer takes (N,1,1," +
                         std::to_string(in) + "); check the layer before it");
    }
    return features(x.images, out, x.groups);
  }

  /// x -> y; keeps x, and y if relu, which only a layer with bias has.
  template <class B>
  void forward(const pass<B>& p, tensor<const typename B::real> x, bool relu,
               tensor<typename B::real> y) const {
    using real = typename B::real;
    p.backend.gemm(transpose::no, transpose::yes, x.shape.images, out, in, real(1), x.data,
                   p.weights + weight, real(0), y.data);
    if (has_bias) p.backend.bias_forward(x.shape.images, out, p.weights + bias, relu, y.data);
    if (p.recording()) {
      p.tape->push(x);
      p.tape->push(relu ? y : tensor<real>{});
    }
  }

  /// Adds to the gradients of weight and bias; dy is masked by relu in place; writes dx unless
  /// null.
  template <class B>
  void backward(const pass<B>& p, tensor<typename B::real> dy, typename B::real* dx) const {
    using real = typename B::real;
    const auto y = p.tape->template pop<const real>();
    const auto x = p.tape->template pop<const real>();
    const auto rows = x.shape.images;
    if (has_bias) p.backend.bias_backward(rows, out, y.data, dy.data, p.gradients + bias);
    p.backend.gemm(transpose::yes, transpose::no, out, in, rows, real(1), dy.data, x.data, real(1),
                   p.gradients + weight);
    if (dx != nullptr) {
      p.backend.gemm(transpose::no, transpose::no, rows, in, out, real(1), dy.data,
                     p.weights + weight, real(0), dx);
    }
  }
};

}  // namespace triptych::nn
