// triptych/network/outputs.hpp
//
// What a run of a network gives, takes back as gradients, and may be told.
#pragma once

#include <triptych/config.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych {

/// What a forward run leaves in the arena, until the caller's frame ends.
template <class T>
struct outputs {
  tensor<const T> embedding;   ///< (V s N, D), combined
  tensor<const T> projection;  ///< z (V s N, P)
  tensor<const T> prediction;  ///< p (V s N, P); z itself without a predictor
};

/// d(loss)/d(outputs), for backward, which writes over them; empty where a loss does not look.
template <class T>
struct output_gradients {
  tensor<T> embedding{}, projection{}, prediction{};
};

/// What may differ from one forward run to the next.
struct forward_options {
  bool record = false;  ///< keep what backward needs
  nn::mode mode = nn::mode::train;
  random_stream random{0, stream::combine};  ///< for combinators that draw
  int view_parts = 1;  ///< BatchNorm takes a view in so many equal parts (MoCo's split BatchNorm)
};

}  // namespace triptych
