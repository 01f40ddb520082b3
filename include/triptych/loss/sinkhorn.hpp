// triptych/loss/sinkhorn.hpp
//
// Codes: the soft assignment of rows to prototypes in which every prototype gets about the same
// share of the rows, by the iteration of Sinkhorn and Knopp.
//
//   z (R, P) unit rows, c (K, P) unit prototypes, e the regularization
//   Q = exp(z c^T / e) (R, K); n times: columns scaled to the sum R / K, then rows to the sum 1
//
// Sums are kept as logarithms, so that no e makes a number too large or a column 0:
//   b_k = log sum_r exp(z_r . c_k / e - a_r),  a_r = log sum_k exp(z_r . c_k / e - b_k),  a = 0 first
//   q_rk = exp(z_r . c_k / e - a_r - b_k)
// Source: Caron et al., "Unsupervised learning of visual features by contrasting cluster
// assignments" (SwAV, 2020), section 3.1 and algorithm 1; Cuturi, "Sinkhorn distances" (2013).
// Cost: two products R x K x P, 2 n + 1 exponentials for each of R x K numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/codes.hpp>
#include <triptych/kernels/elementwise.hpp>

namespace triptych::loss {

struct sinkhorn {
  double epsilon = 0.05;  ///< e
  int iterations = 3;     ///< n

  template <class T>
  using launches = kernels::launch_list<kernels::log_sum_exp_row<T>, kernels::exp_row<T>>;

  /// The codes of the last N of the rows z (R, P): writes q (N, K). Rows before `first`, at most
  /// R - N, take no part. Throws error::usage where the shapes do not fit.
  template <class B>
  void operator()(B& backend, tensor<const typename B::real> z, tensor<const typename B::real> c,
                  std::int64_t first, tensor<typename B::real> q) const {
    using real = typename B::real;
    const std::int64_t rows = z.shape.images, prototypes = c.shape.images;
    const std::int64_t others = rows - q.shape.images;
    if (z.shape.channels != c.shape.channels || q.shape.channels != prototypes || first < 0 ||
        first > others) {
      throw error::usage("sinkhorn: rows " + to_string(z.shape) + ", prototypes " +
                         to_string(c.shape) + ", codes " + to_string(q.shape) + " of rows from " +
                         std::to_string(first) +
                         " on: features and prototypes must match, and no more codes be asked for "
                         "than rows take part");
    }
    const auto take = [&](std::int64_t n) {
      return backend.arena().template take<real>(static_cast<std::size_t>(n));
    };
    const arena_frame scope(backend.arena());
    real *const of_rows = take(rows * prototypes), *const of_prototypes = take(rows * prototypes);
    real *const a = take(rows), *const b = take(prototypes);
    const auto inverse = static_cast<real>(1 / epsilon);
    backend.gemm(transpose::no, transpose::yes, rows, prototypes, z.shape.channels, inverse, z.data,
                 c.data, real(0), of_rows);
    backend.gemm(transpose::no, transpose::yes, prototypes, rows, z.shape.channels, inverse, c.data,
                 z.data, real(0), of_prototypes);
    backend.fill(a, static_cast<std::size_t>(rows), real(0));
    backend.fill(a, static_cast<std::size_t>(first), std::numeric_limits<real>::infinity());
    for (int i = 0; i < iterations; ++i) {
      backend.each_row(prototypes, rows, kernels::log_sum_exp_row<real>{of_prototypes, rows, a, b});
      backend.each_row(
          rows - first, prototypes,
          kernels::log_sum_exp_row<real>{of_rows + first * prototypes, prototypes, b, a + first});
    }
    backend.each_row(
        q.shape.images, prototypes,
        kernels::exp_row<real>{of_rows + others * prototypes, prototypes, a + others, b, q.data});
  }
};

}  // namespace triptych::loss
