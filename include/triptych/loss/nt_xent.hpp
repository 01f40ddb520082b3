// triptych/loss/nt_xent.hpp
//
// NT-Xent between two sets of unit rows a and b (N, P): 2N anchors, one positive and 2N - 2
// negatives each, the anchor itself masked, mean over the 2N anchors. Starts near ln(2N - 1).
// Source: Chen et al., "A simple framework for contrastive learning" (SimCLR, 2020), eq. 1.
// On R ranks the N rows are those of all, n = N / R here: all are gathered, and a rank computes the
// logits of its own as anchors. As candidates they meet every anchor once more, in logits that are
// the same, so the anchors' sums are all that it lacks.
// Cost: two products 2n x 2N x P.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/kernels/nt_xent.hpp>

namespace triptych::loss {

struct nt_xent {
  double temperature = 1.0;

  template <class T>
  using launches = kernels::launch_list<kernels::nt_xent_row<T>, kernels::nt_xent_gradient_row<T>>;

  /// Writes L(a, b) to `value` (one number); adds weight * dL/da and weight * dL/db, with respect
  /// to the unit rows, to those of `da` and `db` that are not null.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> a, tensor<const typename B::real> b,
                  double weight, typename B::real* value, typename B::real* da,
                  typename B::real* db) const {
    using real = typename B::real;
    const std::int64_t n = a.shape.images;
    const int d = a.shape.channels;
    if (b.shape.images != n || b.shape.channels != d || n < 1 || n * ranks::count(backend) < 2) {
      throw error::usage("nt_xent: a (" + std::to_string(n) + "," + std::to_string(d) + "), b (" +
                         std::to_string(b.shape.images) + "," + std::to_string(b.shape.channels) +
                         "): shapes must match, with at least two rows");
    }
    const arena_frame scope(backend.arena());
    const auto take = [&](std::int64_t numbers) {
      return backend.arena().template take<real>(static_cast<std::size_t>(numbers));
    };
    const int ranks = ranks::count(backend);
    const kernels::pairs at{n, n * ranks, n * ranks::own(backend)};
    const std::int64_t columns = at.columns();
    const tensor<real> own{features(2 * n, d, 2), take(2 * n * d)};
    const tensor<real> log_sum{features(2 * n, 1, 2), take(2 * n)};
    real *const logits = take(2 * n * columns), *const losses = take(2 * n);
    const real inverse_t = static_cast<real>(1.0 / temperature);

    backend.copy(a.data, a.size(), own.data);
    backend.copy(b.data, b.size(), own.data + a.size());
    const auto all = ranks::gathered<B>(backend, own);
    backend.gemm(transpose::no, transpose::yes, 2 * n, columns, d, inverse_t, own.data, all.data,
                 real(0), logits);
    backend.each_row(2 * n, columns, kernels::nt_xent_row<real>{at, logits, log_sum.data, losses});
    backend.mean(losses, static_cast<std::size_t>(2 * n), real(1), value);
    if (da == nullptr && db == nullptr) return;

    const auto log_sums = ranks::gathered<B>(backend, log_sum);
    backend.each_row(2 * n, columns,
                     kernels::nt_xent_gradient_row<real>{
                         at, log_sum.data, log_sums.data,
                         static_cast<real>(weight / static_cast<double>(columns)), logits});
    for (const auto& [gradient, first] : {std::pair{da, std::int64_t{0}}, std::pair{db, n}}) {
      if (gradient == nullptr) continue;
      backend.gemm(transpose::no, transpose::no, n, d, columns, inverse_t, logits + first * columns,
                   all.data, real(1), gradient);
    }
  }
};

}  // namespace triptych::loss
