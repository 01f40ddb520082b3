// triptych/backend/device/thrust_algorithms.hpp
//
// The backend of devices: every operation as a few launches of the functors of kernels/, over a
// system that launches them. With `host_system` (thrust_host.hpp) it runs on a CPU under any
// compiler and any sanitizer, with `cuda_system` (cuda.hpp) on a GPU: the same text, so that what a
// GPU will do is tested without one.
//
//   System        where memory lies and functors run:
//     using allocator; static constexpr std::size_t workspace;
//     each(n, f)            f(i) for 0 <= i < n
//     each_group(n, f)      f(g, i) for 0 <= i < n, g a group of lanes (kernels/group.hpp)
//     gemm(...)             c (m x n) = alpha op(a) op(b) + beta c, row-major; a and b of one type,
//                           float or Activation, c of either
//     copy(from, bytes, to), upload(host, bytes, to), download(from, bytes, host)
//     as_graph(work)        what work() launches, as one launch; it does not download
//   Engine        how convolutions are computed (device/convolution/gemm_conv.hpp)
//   Activation    what feature maps are in memory: float, or bf16 (core/bf16.hpp), which halves what
//                 most launches move; all else is float, sums over maps too
//
// Operations are declared here and defined in thrust_definitions.hpp, for a system that launches by
// Thrust: whoever only calls a backend that was compiled elsewhere (cuda.hpp) needs neither Thrust
// nor a CUDA compiler. Operations on features and on maps alike are member templates, T being real
// or activation. Same bits from run to run, and for any number of threads: launches are cut by
// shapes alone, sums have a fixed order.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include <triptych/augment/group_canvas.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/descent.hpp>

namespace triptych::backend {

/// The three parts of a device backend, described above.
template <class System, class Engine, class Activation = float>
struct device_parts {
  using system = System;
  using engine = Engine;
  using activation = Activation;
};

/// `Parts` is a device_parts.
template <class Parts>
class thrust_algorithms {
 public:
  using real = float;
  using activation = typename Parts::activation;
  using system_type = typename Parts::system;
  using allocator = typename system_type::allocator;

  /// Whatever the system takes.
  template <class... Arguments>
  requires std::constructible_from<system_type, Arguments...>
  explicit thrust_algorithms(Arguments&&... arguments)
      : system_(std::forward<Arguments>(arguments)...) {
    open_gate();
  }

  [[nodiscard]] stack_arena<allocator>& arena() noexcept { return arena_; }
  [[nodiscard]] system_type& system() noexcept { return system_; }

  // -- moving numbers ---------------------------------------------------------------------------

  void upload(const real* host, std::size_t n, real* x);
  void download(const real* x, std::size_t n, real* host);
  void upload_indices(const int* host, std::size_t n, int* x);
  void download_indices(const int* x, std::size_t n, int* host);
  void copy(const real* x, std::size_t n, real* y);
  void fill(real* x, std::size_t n, real value);

  template <class Functor>
  void each(std::size_t n, const Functor& functor);
  template <class Functor>
  void each_row(std::int64_t rows, std::int64_t numbers, const Functor& functor);

  // -- flat vectors -----------------------------------------------------------------------------

  template <class T>
  void add(const T* x, std::size_t n, T* y);
  void multiply(const real* x, std::size_t n, real* y);
  void scale(real factor, std::size_t n, real* x);
  void interpolate(real keep, const real* source, std::size_t n, real* target);
  void sgd(std::size_t n, const real* gradient, real learning_rate, real momentum, real decay,
           const real* gradient_scale, real* momentum_buffer, real* weight);
  [[nodiscard]] double sum_of_squares(const real* x, std::size_t n);
  [[nodiscard]] bool all_finite(const real* x, std::size_t n);
  void mean(const real* x, std::size_t n, real scale, real* y);

  // -- what a step does to a run's state, read later ---------------------------------------------

  static constexpr bool defers = true;

  [[nodiscard]] const real* gate() const noexcept { return gate_.data(); }
  void open_gate() { fill(gate_.data(), 1, real(1)); }
  void close_gate_unless_finite(const real* x, std::size_t n);
  void commit(const real* x, std::size_t n, real* y);
  template <class Functor>
  void commit_each(std::size_t n, const Functor& functor);
  void norm(const real* x, std::size_t n, real* y);
  void clip(double limit, const real* norm, real* scale);
  void lars(std::size_t n, const kernels::lars_trust& trust, const real* gradient,
            double learning_rate, real momentum, const real* gradient_scale, real* momentum_buffer,
            real* weight);
  /// Throws error::usage where work() looks at a number, records a graph itself, or, on a GPU,
  /// uploads more than 64 times 256 KiB; error::memory or error::runtime where the device does not
  /// take it.
  void as_graph(const std::function<void()>& work);

  // -- matrix product, convolution, linear layers -----------------------------------------------

  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, real alpha,
            const real* a, const real* b, real beta, real* c);
  void convolution_forward(const convolution::geometry& g, const activation* x, const real* w,
                           activation* y);
  void convolution_backward_data(const convolution::geometry& g, const activation* dy,
                                 const real* w, activation* dx, bool accumulate);
  void convolution_backward_weights(const convolution::geometry& g, const activation* x,
                                    const activation* dy, real* dw, bool accumulate);
  void bias_forward(std::int64_t rows, int channels, const real* bias, bool relu, real* y);
  void bias_backward(std::int64_t rows, int channels, const real* y, real* dy, real* dbias);

  // -- batch normalization ----------------------------------------------------------------------

  template <class T>
  void batch_norm_moments(const norm_shape& s, const T* x, moment* moments);
  void batch_norm_factors(int groups, int channels, const moment* moments, const real* weight,
                          const real* bias, real epsilon, running_statistics<real> running,
                          real* mean, real* inverse_deviation, real* factor, real* shift);
  void batch_norm_running_factors(int channels, const real* weight, const real* bias, real epsilon,
                                  const real* running_mean, const real* running_variance,
                                  real* factor, real* shift);
  template <class T>
  void batch_norm_apply(const norm_shape& s, const T* x, const real* factor, const real* shift,
                        const std::type_identity_t<T>* residual, bool relu, T* y);
  template <class T>
  void batch_norm_sums(const norm_shape& s, const T* x, const T* y, const real* mean,
                       const real* inverse_deviation, T* dy, double* sums, real* dweight,
                       real* dbias);
  template <class T>
  void batch_norm_gradient(const norm_shape& s, std::int64_t rows, const T* x, const T* dy,
                           const real* weight, const real* mean, const real* inverse_deviation,
                           const double* sums, T* dx);

  // -- pooling and patches ----------------------------------------------------------------------

  void max_pool_forward(const shape& in, int kernel, int stride, int padding, const activation* x,
                        activation* y, int* argmax);
  void max_pool_backward(const shape& in, int out_height, int out_width, const activation* dy,
                         const int* argmax, activation* dx);
  void average_pool_forward(const shape& in, const activation* x, real* y);
  void average_pool_backward(const shape& in, const real* dy, activation* dx);
  void divide(const shape& in, int grid, const real* x, activation* patches);
  void combine_forward(const subset_means& s, const real* patches, real* means);
  void combine_backward(const subset_means& s, const real* dmeans, real* dpatches);

  // -- views (concepts/rendering_backend.hpp) ---------------------------------------------------

  void upload_bytes(const std::uint8_t* host, std::size_t n, std::uint8_t* x);
  void render(const augment::view_batch& batch, real* x);

  // -- losses and memory ------------------------------------------------------------------------

  void normalize_rows_forward(std::int64_t rows, int columns, const real* x, real* y,
                              real* inverse_norm);
  void normalize_rows_backward(std::int64_t rows, int columns, const real* y,
                               const real* inverse_norm, const real* dy, real scale, real* dx);
  void softmax_cross_entropy(const logit_shape& s, real scale, real* logits, real* row_loss);
  void argmax_rows(std::int64_t rows, std::int64_t columns, const real* x, int* index);
  void gather_rows(const real* x, const int* index, std::int64_t rows, int columns, real* y);

 private:
  template <class T>
  [[nodiscard]] T* take(std::int64_t count) {
    return arena_.template take<T>(static_cast<std::size_t>(count));
  }
  /// scale * sum of term(i) over 0 <= i < n, into *y.
  template <class Term, class T>
  void sum(std::size_t n, const Term& term, double scale, T* y);
  template <class Term>
  [[nodiscard]] double sum_on_host(std::size_t n, const Term& term);
  /// Waits for what has been launched, and brings `bytes` of it to the host.
  void look(const void* x, std::size_t bytes, void* host);
  /// The subsets, with their table in the system's memory.
  [[nodiscard]] subset_means on_device(const subset_means& s);

  system_type system_;
  typename Parts::engine engine_;
  stack_arena<allocator> arena_;
  buffer<real, allocator> gate_{1, "a step's gate"};
  bool recording_ = false;  ///< a graph
};

}  // namespace triptych::backend
