// triptych/nn/encoder.hpp
//
// What an encoder is: a constant description of layers that makes of images features, and of the
// features' gradient that of its weights. nn::resnet is one; docs/own_encoder.md makes another.
//
//   N images of all views, D features
//
// An encoder may also have `metadata()`: what a file with its weights says of it
// (train/encoder_export.hpp).
#pragma once

#include <concepts>

#include <triptych/core/tensor.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych {

/// An encoder on backend B.
template <class E, class B>
concept Encoder = std::copyable<E> &&
    requires(E& e, const E& c, nn::declaration& d, const nn::pass<B>& p,
             tensor<const typename B::activation> x, tensor<typename B::real> dh) {
  { c.out() } -> std::convertible_to<int>;  // D
  e.declare(d);                             // names its weights and statistics, once
  // x (N, H, W, 3) -> h (N, D); keeps on p.tape what backward needs, where p.recording()
  { c.forward(p, x) } -> std::convertible_to<tensor<const typename B::real>>;
  c.backward(p, dh);  // dh (N, D): adds to the gradients of its weights
};

}  // namespace triptych
