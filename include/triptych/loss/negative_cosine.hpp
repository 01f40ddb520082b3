// triptych/loss/negative_cosine.hpp
//
// Negative cosine similarity between targets k and predictions p, unit rows (N, P):
//   L(k, p) = -mean over n of k_n . p_n        in [-1, 1]
// The gradient goes to p alone. Source: Chen, He, "Exploring simple Siamese representation
// learning" (SimSiam, 2021), eq. 1; BYOL's 2 - 2 cos is 2 + 2 L. Cost: one pass.
#pragma once

#include <string>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::loss {

struct negative_cosine {
  /// Writes L to `value` (one number); where `dp` is not null, adds weight * dL/dp, with respect to
  /// the unit rows of p, to it.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> k, tensor<const typename B::real> p,
                  double weight, typename B::real* value, typename B::real* dp) const {
    using real = typename B::real;
    if (k.shape.images != p.shape.images || k.shape.channels != p.shape.channels) {
      throw error::usage("negative_cosine: targets " + to_string(k.shape) + ", predictions " +
                         to_string(p.shape) + ": shapes must match");
    }
    const auto n = static_cast<double>(p.shape.images * ranks::count(backend));
    const arena_frame scope(backend.arena());
    real* products = backend.arena().template take<real>(p.size());
    backend.copy(k.data, p.size(), products);
    backend.multiply(p.data, p.size(), products);
    backend.mean(products, p.size(), static_cast<real>(-p.shape.channels), value);
    if (dp == nullptr) return;
    backend.copy(k.data, p.size(), products);
    backend.scale(static_cast<real>(-weight / n), p.size(), products);
    backend.add(products, p.size(), dp);
  }
};

}  // namespace triptych::loss
