// triptych/loss/soft_cross_entropy.hpp
//
// Cross-entropy between soft targets and the softmax of scores:
//
//   q (N, K) targets, rows of sum 1; s (N, K) scores; temperature t
//   L(q, s) = - mean over n of sum_k q_nk log softmax_k(s_n / t)
//
// The gradient goes to the scores alone. Source: Caron et al., "Unsupervised learning of visual
// features by contrasting cluster assignments" (SwAV, 2020), eq. 2. Starts near ln K.
#pragma once

#include <cstddef>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/codes.hpp>
#include <triptych/kernels/elementwise.hpp>

namespace triptych::loss {

struct soft_cross_entropy {
  double temperature = 0.1;

  template <class T>
  using launches = kernels::launch_list<kernels::soft_cross_entropy_row<T>>;

  /// Writes L to `value` (one number) and adds weight * dL/ds to `ds`. Throws error::usage where
  /// the shapes differ.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> q, tensor<const typename B::real> s,
                  double weight, typename B::real* value, typename B::real* ds) const {
    using real = typename B::real;
    if (q.shape.images != s.shape.images || q.shape.channels != s.shape.channels) {
      throw error::usage("soft_cross_entropy: targets " + to_string(q.shape) + ", scores " +
                         to_string(s.shape) + ": shapes must match");
    }
    const auto n = static_cast<std::size_t>(s.shape.images);
    const auto all = static_cast<double>(s.shape.images * ranks::count(backend));
    const arena_frame scope(backend.arena());
    real* const losses = backend.arena().template take<real>(n);
    backend.each_row(s.shape.images, s.shape.channels,
                     kernels::soft_cross_entropy_row<real>{
                         s.data, q.data, s.shape.channels, static_cast<real>(1 / temperature),
                         static_cast<real>(weight / temperature / all), losses, ds});
    backend.mean(losses, n, real(1), value);
  }
};

}  // namespace triptych::loss
