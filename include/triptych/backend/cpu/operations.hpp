// triptych/backend/cpu/operations.hpp
//
// What the fast CPU backend does whatever its algorithm of convolution: the functors of kernels/
// launched over the library's own thread pool, matrix products by a register-blocked kernel
// (matrix_product.hpp). What each operation computes is said in concepts/backend.hpp.
//
// Same bits for any number of threads: every launch is cut by shapes alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <triptych/backend/cpu/steps_at_once.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/config.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/kernels/group.hpp>
#include <triptych/kernels/row_chunks.hpp>

namespace triptych::backend::inline TRIPTYCH_ISA {

namespace launches {

inline constexpr std::size_t chunk = 16384;  // elements of a flat array in one task

}  // namespace launches

class cpu_operations : public steps_at_once<cpu_operations, float> {
 public:
  using real = float;
  using activation = real;
  using allocator = host_allocator;

  /// `threads` as in thread_pool: 0 means one per hardware thread.
  explicit cpu_operations(int threads = 0) : pool_(threads) {}

  [[nodiscard]] stack_arena<>& arena() noexcept { return arena_; }
  [[nodiscard]] thread_pool& pool() noexcept { return pool_; }

  // -- moving numbers ---------------------------------------------------------------------------

  void upload(const real* host, std::size_t n, real* x);
  void download(const real* x, std::size_t n, real* host);
  void upload_indices(const int* host, std::size_t n, int* x);
  void download_indices(const int* x, std::size_t n, int* host);
  void copy(const real* x, std::size_t n, real* y);
  void fill(real* x, std::size_t n, real value);

  template <class Functor>
  void each(std::size_t n, const Functor& functor) {
    using launches::chunk;
    pool_.run(static_cast<std::int64_t>((n + chunk - 1) / chunk), [&](std::int64_t task) {
      const std::size_t begin = static_cast<std::size_t>(task) * chunk;
      const std::size_t end = std::min(n, begin + chunk);
      const Functor local = functor;
      TRIPTYCH_INDEPENDENT
      for (std::size_t i = begin; i < end; ++i) local(i);
    });
  }

  template <class Functor>
  void each_row(std::int64_t rows, std::int64_t numbers, const Functor& functor) {
    const kernels::row_chunks chunks{
        rows, static_cast<int>(std::min<std::int64_t>(numbers, launches::chunk))};
    pool_.run(chunks.count(), [&](std::int64_t task) {
      const Functor local = functor;
      for (std::int64_t r = chunks.begin(task); r < chunks.end(task); ++r) {
        local(kernels::lanes<16>{}, r);
      }
    });
  }

  // -- flat vectors -----------------------------------------------------------------------------

  void add(const real* x, std::size_t n, real* y);
  void multiply(const real* x, std::size_t n, real* y);
  void scale(real factor, std::size_t n, real* x);
  void interpolate(real keep, const real* source, std::size_t n, real* target);
  void sgd(std::size_t n, const real* gradient, real learning_rate, real momentum, real decay,
           const real* gradient_scale, real* momentum_buffer, real* weight);
  [[nodiscard]] double sum_of_squares(const real* x, std::size_t n) const;
  [[nodiscard]] bool all_finite(const real* x, std::size_t n) const;
  void mean(const real* x, std::size_t n, real scale, real* y);

  // -- matrix product ---------------------------------------------------------------------------

  /// c (m x n) = alpha op(a) op(b) + beta c.
  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, real alpha,
            const real* a, const real* b, real beta, real* c);

  // -- linear layers ----------------------------------------------------------------------------

  void bias_forward(std::int64_t rows, int channels, const real* bias, bool relu, real* y);
  void bias_backward(std::int64_t rows, int channels, const real* y, real* dy, real* dbias);

  // -- batch normalization ----------------------------------------------------------------------

  void batch_norm_moments(const norm_shape& s, const real* x, moment* moments);
  void batch_norm_factors(int groups, int channels, const moment* moments, const real* weight,
                          const real* bias, real epsilon, running_statistics<real> running,
                          real* mean, real* inverse_deviation, real* factor, real* shift);
  void batch_norm_running_factors(int channels, const real* weight, const real* bias, real epsilon,
                                  const real* running_mean, const real* running_variance,
                                  real* factor, real* shift);
  void batch_norm_apply(const norm_shape& s, const real* x, const real* factor, const real* shift,
                        const real* residual, bool relu, real* y);
  void batch_norm_sums(const norm_shape& s, const normalized_map<real>& x, const real* y,
                       const real* mean, const real* inverse_deviation, real* dy, double* sums,
                       real* dweight, real* dbias);
  void batch_norm_gradient(const norm_shape& s, std::int64_t rows, const normalized_map<real>& x,
                           const real* dy, const real* weight, const real* mean,
                           const real* inverse_deviation, const double* sums, real* dx);

  // -- pooling and patches ----------------------------------------------------------------------

  void max_pool_forward(const shape& in, int kernel, int step, int padding, const real* x, real* y,
                        int* argmax);
  void max_pool_backward(const shape& in, int out_height, int out_width, const real* dy,
                         const int* argmax, real* dx);
  void average_pool_forward(const shape& in, const real* x, real* y);
  void average_pool_backward(const shape& in, const real* dy, real* dx);
  void divide(const shape& in, int grid, const real* x, real* patches);
  void combine_forward(const subset_means& s, const real* patches, real* means);
  void combine_backward(const subset_means& s, const real* dmeans, real* dpatches);

  // -- losses and memory ------------------------------------------------------------------------

  void normalize_rows_forward(std::int64_t rows, int columns, const real* x, real* y,
                              real* inverse_norm);
  void normalize_rows_backward(std::int64_t rows, int columns, const real* y,
                               const real* inverse_norm, const real* dy, real scale, real* dx);
  void softmax_cross_entropy(const logit_shape& s, real scale, real* logits, real* row_loss);
  void argmax_rows(std::int64_t rows, std::int64_t columns, const real* x, int* index);
  void gather_rows(const real* x, const int* index, std::int64_t rows, int columns, real* y);

 private:
  thread_pool pool_;
  stack_arena<> arena_;
};

}  // namespace triptych::backend::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/operations_inl.hpp>
#endif
