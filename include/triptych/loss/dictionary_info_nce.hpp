// triptych/loss/dictionary_info_nce.hpp
//
// InfoNCE with the negatives from a dictionary of past keys, MoCo's:
//
//   q, k (N, P) unit rows, k the positives; d (K, P) unit rows, the negatives; temperature t
//   L = mean over n of -log [ exp(q_n . k_n / t) / (exp(q_n . k_n / t) + sum_j exp(q_n . d_j / t)) ]
//
// Other keys of the batch are no negatives. The gradient goes to q alone. Starts near ln(K + 1).
// Source: He et al., "Momentum contrast" (2020), eq. 1 and algorithm 1.
// Cost: two products N x (N + K) x P; keys and dictionary are laid side by side, one copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::loss {

struct dictionary_info_nce {
  double temperature = 1.0;

  /// Writes L to `value` (one number); where `dq` is not null, adds weight * dL/dq to it.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> k, tensor<const typename B::real> d,
                  tensor<const typename B::real> q, double weight, typename B::real* value,
                  typename B::real* dq) const {
    using real = typename B::real;
    const std::int64_t n = q.shape.images, columns = n + d.shape.images;
    const int features = q.shape.channels;
    if (k.shape.images != n || k.shape.channels != features || d.shape.channels != features) {
      throw error::usage("dictionary_info_nce: keys " + to_string(k.shape) + ", dictionary " +
                         to_string(d.shape) + ", queries " + to_string(q.shape) +
                         ": features must match, and keys be as many as queries");
    }
    const arena_frame scope(backend.arena());
    real* candidates = backend.arena().template take<real>(k.size() + d.size());
    real* logits = backend.arena().template take<real>(static_cast<std::size_t>(n * columns));
    real* losses = backend.arena().template take<real>(static_cast<std::size_t>(n));
    const real inverse_t = static_cast<real>(1.0 / temperature);

    backend.copy(k.data, k.size(), candidates);
    backend.copy(d.data, d.size(), candidates + k.size());
    backend.gemm(transpose::no, transpose::yes, n, columns, features, inverse_t, q.data, candidates,
                 real(0), logits);
    backend.softmax_cross_entropy(
        {.rows = n, .columns = columns, .positives = n},
        static_cast<real>(weight / static_cast<double>(n * ranks::count(backend))), logits, losses);
    backend.mean(losses, static_cast<std::size_t>(n), real(1), value);
    if (dq == nullptr) return;
    backend.gemm(transpose::no, transpose::no, n, features, columns, inverse_t, logits, candidates,
                 real(1), dq);
  }
};

}  // namespace triptych::loss
