// triptych/loss/nt_xent.hpp
//
// NT-Xent between two sets of unit rows a and b (N, P): 2N anchors, one positive and 2N - 2
// negatives each, the anchor itself masked, mean over the 2N anchors. Starts near ln(2N - 1).
// Source: Chen et al., "A simple framework for contrastive learning" (SimCLR, 2020), eq. 1.
// Cost: two products 2N x 2N x P.
#pragma once

#include <cstdint>
#include <string>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::loss {

struct nt_xent {
  double temperature = 1.0;

  /// Writes L(a, b) to `value` (one number); adds weight * dL/da and weight * dL/db, with respect
  /// to the unit rows, to those of `da` and `db` that are not null.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> a, tensor<const typename B::real> b,
                  double weight, typename B::real* value, typename B::real* da,
                  typename B::real* db) const {
    using real = typename B::real;
    const std::int64_t n = a.shape.images;
    const int d = a.shape.channels;
    if (b.shape.images != n || b.shape.channels != d || n < 2) {
      throw error::usage("nt_xent: a (" + std::to_string(n) + "," + std::to_string(d) + "), b (" +
                         std::to_string(b.shape.images) + "," + std::to_string(b.shape.channels) +
                         "): shapes must match, with at least two rows");
    }
    const arena_frame scope(backend.arena());
    auto& arena = backend.arena();
    const std::size_t half = a.size();
    real* both = arena.template take<real>(2 * half);
    real* logits = arena.template take<real>(static_cast<std::size_t>(4 * n * n));
    real* losses = arena.template take<real>(static_cast<std::size_t>(2 * n));
    const real inverse_t = static_cast<real>(1.0 / temperature);

    backend.copy(a.data, half, both);
    backend.copy(b.data, half, both + half);
    backend.gemm(transpose::no, transpose::yes, 2 * n, 2 * n, d, inverse_t, both, both, real(0),
                 logits);
    backend.softmax_cross_entropy(
        {.rows = 2 * n, .columns = 2 * n, .label_offset = n, .mask_self = true},
        static_cast<real>(weight / static_cast<double>(2 * n)), logits, losses);
    backend.mean(losses, static_cast<std::size_t>(2 * n), real(1), value);
    if (da == nullptr && db == nullptr) return;

    // logits = both bothT / t: each row is an anchor and a candidate of all others.
    real* gradient = arena.template take<real>(2 * half);
    backend.gemm(transpose::no, transpose::no, 2 * n, d, 2 * n, inverse_t, logits, both, real(0),
                 gradient);
    backend.gemm(transpose::yes, transpose::no, 2 * n, d, 2 * n, inverse_t, logits, both, real(1),
                 gradient);
    if (da != nullptr) backend.add(gradient, half, da);
    if (db != nullptr) backend.add(gradient + half, half, db);
  }
};

}  // namespace triptych::loss
