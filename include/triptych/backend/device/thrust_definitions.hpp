// triptych/backend/device/thrust_definitions.hpp
//
// The operations of thrust_algorithms (thrust_algorithms.hpp), each as launches of the functors of
// kernels/. Included by the one place that compiles a backend: thrust_host.hpp, or cuda.cuh.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>

#include <triptych/augment/blur.hpp>
#include <triptych/augment/draw.hpp>
#include <triptych/augment/group_canvas.hpp>
#include <triptych/backend/device/thrust_algorithms.hpp>
#include <triptych/core/error.hpp>
#include <triptych/kernels/bias.hpp>
#include <triptych/kernels/descent.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/kernels/grouped_batch_norm.hpp>
#include <triptych/kernels/patches.hpp>
#include <triptych/kernels/pool.hpp>
#include <triptych/kernels/row_chunks.hpp>
#include <triptych/kernels/rows.hpp>
#include <triptych/kernels/sums.hpp>

namespace triptych::backend {

namespace thrust_detail {

/// functor.run of one run of rows and one channel: i counts (run, channel).
template <class Functor>
struct one_run {
  Functor functor;
  kernels::row_chunks chunks;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t run = i / chunks.channels;
    functor.template run<1>(chunks.begin(run), chunks.end(run),
                            static_cast<int>(i % chunks.channels));
  }
};

/// Sums of dy over every run of rows, dy masked in place.
template <class T>
struct bias_sums_run {
  const T* y;
  kernels::row_chunks chunks;
  T *dy, *sums;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t run = i / chunks.channels;
    kernels::bias_sums<T>{y, chunks.channels, dy, sums + run * chunks.channels}.template run<1>(
        chunks.begin(run), chunks.end(run), static_cast<int>(i % chunks.channels));
  }
};

inline std::int64_t signed_size(std::size_t n) { return static_cast<std::int64_t>(n); }

}  // namespace thrust_detail

// -- moving numbers -------------------------------------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::upload(const real* host, std::size_t n, real* x) {
  system_.upload(host, n * sizeof(real), x);
}
template <class Parts>
void thrust_algorithms<Parts>::download(const real* x, std::size_t n, real* host) {
  look(x, n * sizeof(real), host);
}
template <class Parts>
void thrust_algorithms<Parts>::upload_indices(const int* host, std::size_t n, int* x) {
  system_.upload(host, n * sizeof(int), x);
}
template <class Parts>
void thrust_algorithms<Parts>::download_indices(const int* x, std::size_t n, int* host) {
  look(x, n * sizeof(int), host);
}
template <class Parts>
void thrust_algorithms<Parts>::look(const void* x, std::size_t bytes, void* host) {
  if (recording_) {
    throw error::usage(
        "a step that is recorded as a graph looks at a number of its own, which is not "
        "there before the graph has been launched; make that step without a graph");
  }
  system_.download(x, bytes, host);
}
template <class Parts>
void thrust_algorithms<Parts>::copy(const real* x, std::size_t n, real* y) {
  system_.copy(x, n * sizeof(real), y);
}
template <class Parts>
void thrust_algorithms<Parts>::fill(real* x, std::size_t n, real value) {
  system_.each(thrust_detail::signed_size(n), kernels::fill<real>{value, x});
}

template <class Parts>
template <class Functor>
void thrust_algorithms<Parts>::each(std::size_t n, const Functor& functor) {
  system_.each(thrust_detail::signed_size(n), functor);
}
template <class Parts>
template <class Functor>
void thrust_algorithms<Parts>::each_row(std::int64_t rows, std::int64_t /*numbers*/,
                                        const Functor& functor) {
  system_.each_group(rows, functor);
}

// -- flat vectors ---------------------------------------------------------------------------------

template <class Parts>
template <class T>
void thrust_algorithms<Parts>::add(const T* x, std::size_t n, T* y) {
  system_.each(thrust_detail::signed_size(n), kernels::add<T>{x, y});
}
template <class Parts>
void thrust_algorithms<Parts>::multiply(const real* x, std::size_t n, real* y) {
  system_.each(thrust_detail::signed_size(n), kernels::multiply<real>{x, y});
}
template <class Parts>
void thrust_algorithms<Parts>::scale(real factor, std::size_t n, real* x) {
  system_.each(thrust_detail::signed_size(n), kernels::scale<real>{factor, x});
}
template <class Parts>
void thrust_algorithms<Parts>::interpolate(real keep, const real* source, std::size_t n,
                                           real* target) {
  commit_each(n, kernels::interpolate<real>{keep, source, target});
}
template <class Parts>
void thrust_algorithms<Parts>::sgd(std::size_t n, const real* gradient, real learning_rate,
                                   real momentum, real decay, const real* gradient_scale,
                                   real* momentum_buffer, real* weight) {
  using number = kernels::in_memory<real>;
  commit_each(n, kernels::sgd<real, real, number>{gradient, learning_rate, momentum, decay,
                                                  number{gradient_scale}, momentum_buffer, weight});
}
template <class Parts>
double thrust_algorithms<Parts>::sum_of_squares(const real* x, std::size_t n) {
  return sum_on_host(n, kernels::square<real>{x});
}
template <class Parts>
bool thrust_algorithms<Parts>::all_finite(const real* x, std::size_t n) {
  return std::isfinite(sum_on_host(n, kernels::finite_zero<real>{x}));
}
template <class Parts>
void thrust_algorithms<Parts>::mean(const real* x, std::size_t n, real scale, real* y) {
  sum(n, kernels::value<real>{x}, static_cast<double>(scale) / static_cast<double>(n), y);
}

template <class Parts>
template <class Term, class T>
void thrust_algorithms<Parts>::sum(std::size_t n, const Term& term, double scale, T* y) {
  constexpr std::int64_t length = 16384;
  const arena_frame scope(arena_);
  const std::int64_t count = thrust_detail::signed_size(n), runs = (count + length - 1) / length;
  double* sums = take<double>(runs);
  system_.each_group(runs, kernels::sum_of_run<Term>{term, count, length, sums});
  system_.each_group(1, kernels::total_of_runs<T>{sums, runs, scale, y});
}

template <class Parts>
template <class Term>
double thrust_algorithms<Parts>::sum_on_host(std::size_t n, const Term& term) {
  const arena_frame scope(arena_);
  double* total = take<double>(1);
  sum(n, term, 1.0, total);
  double host = 0;
  look(total, sizeof(double), &host);
  return host;
}

// -- steps that are read later --------------------------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::close_gate_unless_finite(const real* x, std::size_t n) {
  const arena_frame scope(arena_);
  double* total = take<double>(1);
  sum(n, kernels::finite_zero<real>{x}, 1.0, total);
  system_.each(1, kernels::close_unless_zero<real>{total, gate_.data()});
}
template <class Parts>
template <class Functor>
void thrust_algorithms<Parts>::commit_each(std::size_t n, const Functor& functor) {
  each(n, kernels::gated<Functor, real>{gate(), functor});
}
template <class Parts>
void thrust_algorithms<Parts>::commit(const real* x, std::size_t n, real* y) {
  commit_each(n, kernels::copy<real>{x, y});
}
template <class Parts>
void thrust_algorithms<Parts>::norm(const real* x, std::size_t n, real* y) {
  const arena_frame scope(arena_);
  double* total = take<double>(1);
  sum(n, kernels::square<real>{x}, 1.0, total);
  system_.each(1, kernels::root_of<real>{total, y});
}

template <class Parts>
void thrust_algorithms<Parts>::clip(double limit, const real* norm, real* scale) {
  system_.each(1, kernels::clip<real>{limit, norm, scale});
}
template <class Parts>
void thrust_algorithms<Parts>::lars(std::size_t n, const kernels::lars_trust& trust,
                                    const real* gradient, double learning_rate, real momentum,
                                    const real* gradient_scale, real* momentum_buffer,
                                    real* weight) {
  using number = kernels::in_memory<real>;
  const arena_frame scope(arena_);
  double *weight_squares = take<double>(1), *gradient_squares = take<double>(1);
  real* factors = take<real>(3);
  sum(n, kernels::square<real>{weight}, 1.0, weight_squares);
  sum(n, kernels::square<real>{gradient}, 1.0, gradient_squares);
  system_.each(1, kernels::lars_scalars<real>{trust, learning_rate, weight_squares,
                                              gradient_squares, gradient_scale, factors});
  commit_each(n, kernels::sgd<real, number, number>{gradient, number{factors}, momentum,
                                                    number{factors + 1}, number{factors + 2},
                                                    momentum_buffer, weight});
}
template <class Parts>
void thrust_algorithms<Parts>::as_graph(const std::function<void()>& work) {
  struct recording {
    bool& now;
    explicit recording(bool& flag) : now(flag) { now = true; }
    ~recording() { now = false; }
  };
  if (recording_)
    throw error::usage("a graph cannot be recorded within another; end that one first");
  // What the graph refers to must not go back to the system before the graph has been launched.
  const typename stack_arena<allocator>::hold kept(arena_);
  system_.as_graph([&] {
    const recording scope(recording_);
    work();
  });
}

// -- matrix product, convolution, linear layers ---------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n,
                                    std::int64_t k, real alpha, const real* a, const real* b,
                                    real beta, real* c) {
  system_.gemm(ta, tb, m, n, k, alpha, a, b, beta, c);
}
template <class Parts>
void thrust_algorithms<Parts>::convolution_forward(const convolution::geometry& g,
                                                   const activation* x, const real* w,
                                                   activation* y) {
  engine_.forward(*this, g, x, w, y);
}
template <class Parts>
void thrust_algorithms<Parts>::convolution_backward_data(const convolution::geometry& g,
                                                         const activation* dy, const real* w,
                                                         activation* dx, bool accumulate) {
  engine_.backward_data(*this, g, dy, w, dx, accumulate);
}
template <class Parts>
void thrust_algorithms<Parts>::convolution_backward_weights(const convolution::geometry& g,
                                                            const activation* x,
                                                            const activation* dy, real* dw,
                                                            bool accumulate) {
  engine_.backward_weights(*this, g, x, dy, dw, accumulate);
}
template <class Parts>
void thrust_algorithms<Parts>::bias_forward(std::int64_t rows, int channels, const real* bias,
                                            bool relu, real* y) {
  const kernels::row_chunks chunks{rows, channels};
  system_.each(chunks.count() * channels,
               thrust_detail::one_run<kernels::add_bias<real>>{{bias, channels, relu, y}, chunks});
}
template <class Parts>
void thrust_algorithms<Parts>::bias_backward(std::int64_t rows, int channels, const real* y,
                                             real* dy, real* dbias) {
  const arena_frame scope(arena_);
  const kernels::row_chunks chunks{rows, channels};
  real* sums = take<real>(chunks.count() * channels);
  system_.each(chunks.count() * channels, thrust_detail::bias_sums_run<real>{y, chunks, dy, sums});
  system_.each_group(channels,
                     kernels::add_column_sums<real>{sums, chunks.count(), channels, dbias});
}

// -- batch normalization --------------------------------------------------------------------------

template <class Parts>
template <class T>
void thrust_algorithms<Parts>::batch_norm_moments(const norm_shape& s, const T* x,
                                                  moment* moments) {
  const arena_frame scope(arena_);
  const std::int64_t all = std::int64_t{s.groups} * s.channels;
  const std::int64_t runs = all * kernels::row_chunks{s.rows, s.channels}.count();
  real *means = take<real>(runs), *squares = take<real>(runs);
  system_.each(runs, kernels::moments_run<T>{s, x, means, squares});
  system_.each_group(all, kernels::moments_group<real>{s, means, squares, moments});
}
template <class Parts>
void thrust_algorithms<Parts>::batch_norm_factors(int groups, int channels, const moment* moments,
                                                  const real* weight, const real* bias,
                                                  real epsilon, running_statistics<real> running,
                                                  real* mean, real* inverse_deviation, real* factor,
                                                  real* shift) {
  system_.each(std::int64_t{groups} * channels,
               kernels::batch_factor<real>{channels, moments, weight, bias, epsilon, mean,
                                           inverse_deviation, factor, shift});
  if (running.mean == nullptr) return;
  system_.each(channels, kernels::running_channel<real>{groups, channels, moments, running});
}
template <class Parts>
void thrust_algorithms<Parts>::batch_norm_running_factors(int channels, const real* weight,
                                                          const real* bias, real epsilon,
                                                          const real* running_mean,
                                                          const real* running_variance,
                                                          real* factor, real* shift) {
  system_.each(channels, kernels::running_factor<real>{weight, bias, running_mean, running_variance,
                                                       epsilon, factor, shift});
}

template <class Parts>
template <class T>
void thrust_algorithms<Parts>::batch_norm_apply(const norm_shape& s, const T* x, const real* factor,
                                                const real* shift,
                                                const std::type_identity_t<T>* residual, bool relu,
                                                T* y) {
  const std::int64_t runs =
      std::int64_t{s.groups} * s.channels * kernels::row_chunks{s.rows, s.channels}.count();
  system_.each(runs, kernels::normalize_run<T>{s, x, residual, factor, shift, relu, y});
}

template <class Parts>
template <class T>
void thrust_algorithms<Parts>::batch_norm_sums(const norm_shape& s, const T* x, const T* y,
                                               const real* mean, const real* inverse_deviation,
                                               T* dy, double* sums, real* dweight, real* dbias) {
  const arena_frame scope(arena_);
  const std::int64_t all = std::int64_t{s.groups} * s.channels;
  const std::int64_t runs = all * kernels::row_chunks{s.rows, s.channels}.count();
  real *sums_dy = take<real>(runs), *dots = take<real>(runs);
  system_.each(runs,
               kernels::norm_sums_run<T>{s, x, y, mean, inverse_deviation, dy, sums_dy, dots});
  system_.each_group(all, kernels::norm_sums_group<real>{s, sums_dy, sums});
  system_.each_group(all, kernels::norm_sums_group<real>{s, dots, sums + all});
  system_.each(s.channels, kernels::add_groups_channel<real>{s.groups, s.channels, sums, dbias});
  system_.each(s.channels,
               kernels::add_groups_channel<real>{s.groups, s.channels, sums + all, dweight});
}
template <class Parts>
template <class T>
void thrust_algorithms<Parts>::batch_norm_gradient(const norm_shape& s, std::int64_t rows,
                                                   const T* x, const T* dy, const real* weight,
                                                   const real* mean, const real* inverse_deviation,
                                                   const double* sums, T* dx) {
  const arena_frame scope(arena_);
  const std::int64_t all = std::int64_t{s.groups} * s.channels;
  const std::int64_t runs = all * kernels::row_chunks{s.rows, s.channels}.count();
  real* const means = take<real>(2 * all);
  system_.each(2 * all, kernels::norm_mean<real>{rows, sums, means});
  system_.each(runs, kernels::norm_gradient_run<T>{s, x, dy, mean, inverse_deviation, weight, means,
                                                   means + all, dx});
}

// -- pooling and patches --------------------------------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::max_pool_forward(const shape& in, int kernel, int stride,
                                                int padding, const activation* x, activation* y,
                                                int* argmax) {
  const int height = (in.height + 2 * padding - kernel) / stride + 1;
  const int width = (in.width + 2 * padding - kernel) / stride + 1;
  system_.each_group(in.images * height * width,
                     kernels::max_pool_pixel<activation>{in, kernel, stride, padding, height, width,
                                                         x, y, argmax});
}
template <class Parts>
void thrust_algorithms<Parts>::max_pool_backward(const shape& in, int out_height, int out_width,
                                                 const activation* dy, const int* argmax,
                                                 activation* dx) {
  system_.each_group(in.images, kernels::max_pool_gradient<activation>{in, out_height * out_width,
                                                                       dy, argmax, dx});
}
template <class Parts>
void thrust_algorithms<Parts>::average_pool_forward(const shape& in, const activation* x, real* y) {
  system_.each_group(in.images, kernels::average_pool_image<activation>{in, x, y});
}
template <class Parts>
void thrust_algorithms<Parts>::average_pool_backward(const shape& in, const real* dy,
                                                     activation* dx) {
  system_.each_group(in.images, kernels::average_pool_gradient<activation>{in, dy, dx});
}
template <class Parts>
void thrust_algorithms<Parts>::divide(const shape& in, int grid, const real* x,
                                      activation* patches) {
  system_.each_group(std::int64_t{grid} * grid * in.images * (in.height / grid),
                     kernels::divide_row<real, activation>{in, grid, x, patches});
}
template <class Parts>
subset_means thrust_algorithms<Parts>::on_device(const subset_means& s) {
  const std::int64_t entries = std::int64_t{s.groups} * s.combinations * s.size;
  int* table = take<int>(entries);
  upload_indices(s.table, static_cast<std::size_t>(entries), table);
  subset_means there = s;
  there.table = table;
  return there;
}
template <class Parts>
void thrust_algorithms<Parts>::combine_forward(const subset_means& s, const real* patches,
                                               real* means) {
  const arena_frame scope(arena_);
  system_.each_group(s.groups * s.combinations * s.images,
                     kernels::combine_row<real>{on_device(s), patches, means});
}
template <class Parts>
void thrust_algorithms<Parts>::combine_backward(const subset_means& s, const real* dmeans,
                                                real* dpatches) {
  const arena_frame scope(arena_);
  system_.each_group(s.groups * s.patches * s.images,
                     kernels::combine_gradient_row<real>{on_device(s), dmeans, dpatches});
}

// -- views ----------------------------------------------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::upload_bytes(const std::uint8_t* host, std::size_t n,
                                            std::uint8_t* x) {
  system_.upload(host, n, x);
}
template <class Parts>
void thrust_algorithms<Parts>::render(const augment::view_batch& batch, real* x) {
  static_assert(std::is_trivially_copyable_v<augment::draw>, "decisions are uploaded as bytes");
  const arena_frame scope(arena_);
  int taps = 0;
  for (std::int64_t i = 0; i < batch.count(); ++i) {
    const float sigma = batch.draws[i].sigma;
    // Whether it blurs is for the device to say, whose exponential may be another.
    if (sigma > 0) taps = std::max(taps, 2 * augment::blur_radius(sigma) + 1);
  }
  augment::view_batch there = batch;
  auto* draws = take<augment::draw>(batch.count());
  system_.upload(batch.draws, static_cast<std::size_t>(batch.count()) * sizeof *draws, draws);
  auto* samples = take<std::int64_t>(batch.per_view);
  system_.upload(batch.samples, static_cast<std::size_t>(batch.per_view) * sizeof *samples,
                 samples);
  there.draws = draws;
  there.samples = samples;
  // As many views at a time as the workspace has room for.
  const std::int64_t each = augment::view_by_group::scratch_size(batch, taps);
  const std::int64_t room =
      static_cast<std::int64_t>(Parts::system::workspace / sizeof(real)) / each;
  const std::int64_t part = std::clamp<std::int64_t>(room, 1, batch.count());
  real* scratch = take<real>(part * each);
  for (std::int64_t first = 0; first < batch.count(); first += part) {
    system_.each_group(std::min(part, batch.count() - first),
                       augment::view_by_group{there, first, taps, scratch, x});
  }
}

// -- losses and memory ----------------------------------------------------------------------------

template <class Parts>
void thrust_algorithms<Parts>::normalize_rows_forward(std::int64_t rows, int columns, const real* x,
                                                      real* y, real* inverse_norm) {
  system_.each_group(rows, kernels::normalize_row<real>{x, columns, y, inverse_norm});
}
template <class Parts>
void thrust_algorithms<Parts>::normalize_rows_backward(std::int64_t rows, int columns,
                                                       const real* y, const real* inverse_norm,
                                                       const real* dy, real scale, real* dx) {
  system_.each_group(
      rows, kernels::normalize_row_gradient<real>{y, inverse_norm, dy, columns, scale, dx});
}
template <class Parts>
void thrust_algorithms<Parts>::softmax_cross_entropy(const logit_shape& s, real scale, real* logits,
                                                     real* row_loss) {
  system_.each_group(s.rows, kernels::softmax_cross_entropy_row<real>{s, scale, logits, row_loss});
}
template <class Parts>
void thrust_algorithms<Parts>::argmax_rows(std::int64_t rows, std::int64_t columns, const real* x,
                                           int* index) {
  system_.each_group(rows, kernels::argmax_row<real>{x, columns, index});
}
template <class Parts>
void thrust_algorithms<Parts>::gather_rows(const real* x, const int* index, std::int64_t rows,
                                           int columns, real* y) {
  system_.each_group(rows, kernels::gather_row<real>{x, index, columns, y});
}

}  // namespace triptych::backend
