// triptych/loss/info_nce.hpp
//
// InfoNCE between targets k and predictions p, the paper's Algorithm 1:
//
//   k (s N, P) unit rows in s groups, p (N, P) unit rows, temperature t
//   L(k, p) = mean over groups g, images n of -log softmax_m(k_gn . p_m / t)[n]
//
// Anchors are the targets, as printed; `anchor::prediction` takes the predictions as anchors
// instead, -log softmax_m(p_n . k_gm / t)[n], as the authors' code does for its local loss. Where p
// has the s groups and k the N rows, every group of p meets the same k (Fast-MoCo).
// The gradient goes to p alone: targets never carry any. Starts near ln N.
//
// On R ranks the N rows are those of all, n = N / R here: targets are gathered, and a rank computes
// the logits of its own predictions alone, which are rows or columns of the whole.
// Cost: two products s N x n x P.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/loss/softmax_over_ranks.hpp>

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
    const auto [n, rows] = std::minmax(k.shape.images, p.shape.images);
    const int d = p.shape.channels;
    if (k.shape.channels != d || n == 0 || rows % n != 0) {
      throw error::usage(
          "info_nce: targets (" + std::to_string(k.shape.images) + "," +
          std::to_string(k.shape.channels) + "), predictions (" + std::to_string(p.shape.images) +
          "," + std::to_string(d) +
          "): features must match, and the rows of one be a multiple of the other's");
    }
    const arena_frame scope(backend.arena());
    const auto groups = static_cast<int>(k.shape.images / n);
    const auto targets =
        ranks::gathered(backend, tensor<const real>{features(k.shape.images, d, groups), k.data});
    const bool p_asks = anchor == anchor::prediction;
    const auto anchors = p_asks ? p : targets, candidates = p_asks ? targets : p;

    // One product where all anchors meet the same candidates, else one for each group of
    // candidates.
    const int ranks = ranks::count(backend);
    const std::int64_t asking = anchors.shape.images, columns = p_asks ? n * ranks : n;
    const std::int64_t products = candidates.shape.images / columns, asked = products * asking;
    real* logits = backend.arena().template take<real>(static_cast<std::size_t>(asked * columns));
    real* losses = backend.arena().template take<real>(static_cast<std::size_t>(asked));
    const real inverse_t = static_cast<real>(1.0 / temperature);
    for (std::int64_t g = 0; g < products; ++g) {
      backend.gemm(transpose::no, transpose::yes, asking, columns, d, inverse_t, anchors.data,
                   candidates.data + g * columns * d, real(0), logits + g * asking * columns);
    }
    const auto scale = static_cast<real>(weight / static_cast<double>(rows * ranks));
    softmax(backend, p_asks, asked, n, scale, logits, losses);
    backend.mean(losses, static_cast<std::size_t>(asked), real(1), value);
    if (dp == nullptr) return;
    for (std::int64_t g = 0; g < products; ++g) {
      const real* dlogits = logits + g * asking * columns;
      if (p_asks) {
        backend.gemm(transpose::no, transpose::no, asking, d, columns, inverse_t, dlogits,
                     targets.data + g * columns * d, real(1), dp);
      } else {
        backend.gemm(transpose::yes, transpose::no, n, d, asking, inverse_t, dlogits, targets.data,
                     real(1), dp + g * n * d);
      }
    }
  }

 private:
  /// Cross-entropy of logits that are whole rows of n predictions on each rank, or their columns.
  template <class B>
  static void softmax(B& backend, bool whole_rows, std::int64_t rows, std::int64_t n,
                      typename B::real scale, typename B::real* logits, typename B::real* losses) {
    const int ranks = ranks::count(backend);
    if constexpr (DistributedBackend<B>) {
      if (ranks > 1 && !whole_rows) {
        return softmax_over_ranks(backend, rows, n, scale, logits, losses);
      }
    }
    // Labels begin anew with every n rows; alone they do so by themselves.
    const std::int64_t columns = n * ranks, each = ranks > 1 ? n : rows;
    for (std::int64_t r = 0; r < rows; r += each) {
      backend.softmax_cross_entropy(
          {.rows = each, .columns = columns, .label_offset = n * ranks::own(backend)}, scale,
          logits + r * columns, losses + r);
    }
  }
};

}  // namespace triptych::loss
