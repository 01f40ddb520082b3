// triptych/loss/info_nce.hpp
//
// InfoNCE between targets k and predictions p, the paper's Algorithm 1:
//
//   k (s N, P) unit rows in s groups, p (N, P) unit rows, temperature t
//   L(k, p) = mean over groups g, images n of -log softmax_m(k_gn . p_m / t)[n]
//
// Anchors are the targets, as printed; `anchor::prediction` takes the predictions as anchors instead,
// -log softmax_m(p_n . k_gm / t)[n], as the authors' code does for its local loss.
// The gradient goes to p alone: targets never carry any. Starts near ln N.
// Cost: two products s N x N x P.
#pragma once

#include <cstdint>
#include <string>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::loss {

enum class anchor { target, prediction };

struct info_nce {
  double temperature = 1.0;
  triptych::loss::anchor anchor = anchor::target;

  /// Writes L to `value` (one number); where `dp` is not null, adds weight * dL/dp, with respect to
  /// the unit rows of p, to it.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> k, tensor<const typename B::real> p,
                  double weight, typename B::real* value, typename B::real* dp) const {
    using real = typename B::real;
    const std::int64_t n = p.shape.images, rows = k.shape.images;
    const int d = p.shape.channels;
    if (k.shape.channels != d || rows == 0 || rows % n != 0) {
      throw error::usage("info_nce: targets (" + std::to_string(rows) + "," +
                         std::to_string(k.shape.channels) + "), predictions (" + std::to_string(n) +
                         "," + std::to_string(d) +
                         "): features must match and targets be a multiple of the predictions");
    }
    const typename stack_arena<typename B::memory>::frame scope(backend.arena());
    real* logits = backend.arena().template take<real>(static_cast<std::size_t>(rows * n));
    real* losses = backend.arena().template take<real>(static_cast<std::size_t>(rows));
    const real inverse_t = static_cast<real>(1.0 / temperature);
    const std::int64_t block = n * n, step = n * d;  // one group's logits, one group's targets

    if (anchor == anchor::target) {
      backend.gemm(transpose::no, transpose::yes, rows, n, d, inverse_t, k.data, p.data, real(0),
                   logits);
    } else {
      for (std::int64_t g = 0; g < rows / n; ++g) {
        backend.gemm(transpose::no, transpose::yes, n, n, d, inverse_t, p.data, k.data + g * step,
                     real(0), logits + g * block);
      }
    }
    backend.softmax_cross_entropy({.rows = rows, .columns = n},
                                  static_cast<real>(weight / static_cast<double>(rows)), logits,
                                  losses);
    backend.mean(losses, static_cast<std::size_t>(rows), real(1), value);
    if (dp == nullptr) return;

    if (anchor == anchor::target) {
      backend.gemm(transpose::yes, transpose::no, n, d, rows, inverse_t, logits, k.data, real(1),
                   dp);
    } else {
      for (std::int64_t g = 0; g < rows / n; ++g) {
        backend.gemm(transpose::no, transpose::no, n, d, n, inverse_t, logits + g * block,
                     k.data + g * step, real(1), dp);
      }
    }
  }
};

}  // namespace triptych::loss
