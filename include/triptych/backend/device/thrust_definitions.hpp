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

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::upload(const real* host, std::size_t n, real* x) {
  system_.upload(host, n * sizeof(real), x);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::download(const real* x, std::size_t n,
                                                          real* host) {
  look(x, n * sizeof(real), host);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::upload_indices(const int* host, std::size_t n,
                                                                int* x) {
  system_.upload(host, n * sizeof(int), x);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::download_indices(const int* x, std::size_t n,
                                                                  int* host) {
  look(x, n * sizeof(int), host);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::look(const void* x, std::size_t bytes,
                                                      void* host) {
  if (recording_) {
    throw error::usage(
        "a step that is recorded as a graph looks at a number of its own, which is not "
        "there before the graph has been launched; make that step without a graph");
  }
  system_.download(x, bytes, host);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::copy(const real* x, std::size_t n, real* y) {
  system_.copy(x, n * sizeof(real), y);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::fill(real* x, std::size_t n, real value) {
  system_.each(thrust_detail::signed_size(n), kernels::fill<real>{value, x});
}

template <class System, class ConvEngine, class Map>
template <class Functor>
void thrust_algorithms<System, ConvEngine, Map>::each(std::size_t n, const Functor& functor) {
  system_.each(thrust_detail::signed_size(n), functor);
}

// -- flat vectors ---------------------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
template <class T>
void thrust_algorithms<System, ConvEngine, Map>::add(const T* x, std::size_t n, T* y) {
  system_.each(thrust_detail::signed_size(n), kernels::add<T>{x, y});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::multiply(const real* x, std::size_t n, real* y) {
  system_.each(thrust_detail::signed_size(n), kernels::multiply<real>{x, y});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::scale(real factor, std::size_t n, real* x) {
  system_.each(thrust_detail::signed_size(n), kernels::scale<real>{factor, x});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::interpolate(real keep, const real* source,
                                                             std::size_t n, real* target) {
  commit_each(n, kernels::interpolate<real>{keep, source, target});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::sgd(std::size_t n, const real* gradient, real rate,
                                                     real momentum, real decay,
                                                     const real* gradient_scale,
                                                     real* momentum_buffer, real* weight) {
  using number = kernels::in_memory<real>;
  commit_each(n, kernels::sgd<real, real, number>{gradient, rate, momentum, decay,
                                                  number{gradient_scale}, momentum_buffer, weight});
}
template <class System, class ConvEngine, class Map>
double thrust_algorithms<System, ConvEngine, Map>::sum_of_squares(const real* x, std::size_t n) {
  return sum_on_host(n, kernels::square<real>{x});
}
template <class System, class ConvEngine, class Map>
bool thrust_algorithms<System, ConvEngine, Map>::all_finite(const real* x, std::size_t n) {
  return std::isfinite(sum_on_host(n, kernels::finite_zero<real>{x}));
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::mean(const real* x, std::size_t n, real scale,
                                                      real* y) {
  sum(n, kernels::value<real>{x}, static_cast<double>(scale) / static_cast<double>(n), y);
}

template <class System, class ConvEngine, class Map>
template <class Term, class T>
void thrust_algorithms<System, ConvEngine, Map>::sum(std::size_t n, const Term& term, double scale,
                                                     T* y) {
  constexpr std::int64_t length = 16384;
  const frame scope(arena_);
  const std::int64_t count = thrust_detail::signed_size(n), runs = (count + length - 1) / length;
  double* sums = take<double>(runs);
  system_.each_group(runs, kernels::sum_of_run<Term>{term, count, length, sums});
  system_.each_group(1, kernels::total_of_runs<T>{sums, runs, scale, y});
}

template <class System, class ConvEngine, class Map>
template <class Term>
double thrust_algorithms<System, ConvEngine, Map>::sum_on_host(std::size_t n, const Term& term) {
  const frame scope(arena_);
  double* total = take<double>(1);
  sum(n, term, 1.0, total);
  double host = 0;
  look(total, sizeof(double), &host);
  return host;
}

// -- steps that are read later --------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::close_gate_unless_finite(const real* x,
                                                                          std::size_t n) {
  const frame scope(arena_);
  double* total = take<double>(1);
  sum(n, kernels::finite_zero<real>{x}, 1.0, total);
  system_.each(1, kernels::close_unless_zero<real>{total, gate_.data()});
}
template <class System, class ConvEngine, class Map>
template <class Functor>
void thrust_algorithms<System, ConvEngine, Map>::commit_each(std::size_t n,
                                                             const Functor& functor) {
  each(n, kernels::gated<Functor, real>{gate(), functor});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::commit(const real* x, std::size_t n, real* y) {
  commit_each(n, kernels::copy<real>{x, y});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::norm(const real* x, std::size_t n, real* y) {
  const frame scope(arena_);
  double* total = take<double>(1);
  sum(n, kernels::square<real>{x}, 1.0, total);
  system_.each(1, kernels::root_of<real>{total, y});
}

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::clip(double limit, const real* norm, real* scale) {
  system_.each(1, kernels::clip<real>{limit, norm, scale});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::lars(std::size_t n,
                                                      const kernels::lars_trust& trust,
                                                      const real* gradient, double rate,
                                                      real momentum, const real* gradient_scale,
                                                      real* momentum_buffer, real* weight) {
  using number = kernels::in_memory<real>;
  const frame scope(arena_);
  double *weight_squares = take<double>(1), *gradient_squares = take<double>(1);
  real* factors = take<real>(3);
  sum(n, kernels::square<real>{weight}, 1.0, weight_squares);
  sum(n, kernels::square<real>{gradient}, 1.0, gradient_squares);
  system_.each(1, kernels::lars_scalars<real>{trust, rate, weight_squares, gradient_squares,
                                              gradient_scale, factors});
  commit_each(n, kernels::sgd<real, number, number>{gradient, number{factors}, momentum,
                                                    number{factors + 1}, number{factors + 2},
                                                    momentum_buffer, weight});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::as_graph(const std::function<void()>& work) {
  struct recording {
    bool& now;
    explicit recording(bool& flag) : now(flag) { now = true; }
    ~recording() { now = false; }
  };
  if (recording_)
    throw error::usage("a graph cannot be recorded within another; end that one first");
  // What the graph refers to must not go back to the system before the graph has been launched.
  const typename stack_arena<memory>::hold kept(arena_);
  system_.as_graph([&] {
    const recording scope(recording_);
    work();
  });
}

// -- matrix product, convolution, linear layers ---------------------------------------------------

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::gemm(transpose ta, transpose tb, std::int64_t m,
                                                      std::int64_t n, std::int64_t k, real alpha,
                                                      const real* a, const real* b, real beta,
                                                      real* c) {
  system_.gemm(ta, tb, m, n, k, alpha, a, b, beta, c);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::convolution_forward(const convolution::geometry& g,
                                                                     const map* x, const real* w,
                                                                     map* y) {
  engine_.forward(*this, g, x, w, y);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::convolution_backward_data(
    const convolution::geometry& g, const map* dy, const real* w, map* dx, bool accumulate) {
  engine_.backward_data(*this, g, dy, w, dx, accumulate);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::convolution_backward_weights(
    const convolution::geometry& g, const map* x, const map* dy, real* dw, bool accumulate) {
  engine_.backward_weights(*this, g, x, dy, dw, accumulate);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::bias_forward(std::int64_t rows, int channels,
                                                              const real* bias, bool relu,
                                                              real* y) {
  const kernels::row_chunks chunks{rows, channels};
  system_.each(chunks.count() * channels,
               thrust_detail::one_run<kernels::add_bias<real>>{{bias, channels, relu, y}, chunks});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::bias_backward(std::int64_t rows, int channels,
                                                               const real* y, real* dy,
                                                               real* dbias) {
  const frame scope(arena_);
  const kernels::row_chunks chunks{rows, channels};
  real* sums = take<real>(chunks.count() * channels);
  system_.each(chunks.count() * channels, thrust_detail::bias_sums_run<real>{y, chunks, dy, sums});
  system_.each_group(channels,
                     kernels::add_column_sums<real>{sums, chunks.count(), channels, dbias});
}

// -- batch normalization --------------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
template <class T>
void thrust_algorithms<System, ConvEngine, Map>::batch_norm_forward(
    const norm_shape& s, const T* x, const real* weight, const real* bias, real epsilon,
    const std::type_identity_t<T>* residual, bool relu, running_statistics<real> running,
    real* mean, real* inverse_deviation, T* y) {
  if (s.rows < 2) {
    throw error::usage(
        "batch_norm: a group of one row has no variance; take a larger `batch`, or fewer "
        "`bn-splits`");
  }
  const frame scope(arena_);
  const std::int64_t all = std::int64_t{s.groups} * s.channels;
  const std::int64_t runs = all * kernels::row_chunks{s.rows, s.channels}.count();
  real *means = take<real>(runs), *squares = take<real>(runs);
  real *factor = take<real>(all), *shift = take<real>(all);
  double *average = take<double>(all), *variance = take<double>(all);
  system_.each(runs, kernels::moments_run<T>{s, x, means, squares});
  system_.each_group(all, kernels::moments_group<real>{s, means, squares, weight, bias, epsilon,
                                                       mean, inverse_deviation, factor, shift,
                                                       average, variance});
  if (running.mean != nullptr) {
    system_.each(s.channels,
                 kernels::running_channel<real>{s.groups, s.channels, average, variance, running});
  }
  system_.each(runs, kernels::normalize_run<T>{s, x, residual, factor, shift, relu, y});
}

template <class System, class ConvEngine, class Map>
template <class T>
void thrust_algorithms<System, ConvEngine, Map>::batch_norm_evaluate(
    std::int64_t rows, int channels, const T* x, const real* weight, const real* bias, real epsilon,
    const real* running_mean, const real* running_variance, const std::type_identity_t<T>* residual,
    bool relu, T* y) {
  const frame scope(arena_);
  const kernels::row_chunks chunks{rows, channels};
  real *factor = take<real>(channels), *shift = take<real>(channels);
  system_.each(channels, kernels::running_factor<real>{weight, bias, running_mean, running_variance,
                                                       epsilon, factor, shift});
  system_.each(chunks.count() * channels,
               kernels::normalize_run<T>{{rows, 1, channels}, x, residual, factor, shift, relu, y});
}

template <class System, class ConvEngine, class Map>
template <class T>
void thrust_algorithms<System, ConvEngine, Map>::batch_norm_backward(
    const norm_shape& s, const T* x, const T* y, const real* weight, const real* mean,
    const real* inverse_deviation, T* dy, real* dweight, real* dbias, T* dx) {
  const frame scope(arena_);
  const std::int64_t all = std::int64_t{s.groups} * s.channels;
  const std::int64_t runs = all * kernels::row_chunks{s.rows, s.channels}.count();
  real *sums = take<real>(runs), *dots = take<real>(runs);
  real *mean_dy = take<real>(all), *mean_dot = take<real>(all);
  double *total_dy = take<double>(all), *total_dot = take<double>(all);
  system_.each(runs, kernels::norm_sums_run<T>{s, x, y, mean, inverse_deviation, dy, sums, dots});
  system_.each_group(all, kernels::norm_sums_group<real>{s, sums, mean_dy, total_dy});
  system_.each_group(all, kernels::norm_sums_group<real>{s, dots, mean_dot, total_dot});
  system_.each(s.channels,
               kernels::add_groups_channel<real>{s.groups, s.channels, total_dy, dbias});
  system_.each(s.channels,
               kernels::add_groups_channel<real>{s.groups, s.channels, total_dot, dweight});
  system_.each(runs, kernels::norm_gradient_run<T>{s, x, dy, mean, inverse_deviation, weight,
                                                   mean_dy, mean_dot, dx});
}

// -- pooling and patches --------------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::max_pool_forward(const shape& in, int kernel,
                                                                  int stride, int padding,
                                                                  const map* x, map* y,
                                                                  int* argmax) {
  const int height = (in.height + 2 * padding - kernel) / stride + 1;
  const int width = (in.width + 2 * padding - kernel) / stride + 1;
  system_.each_group(
      in.images * height * width,
      kernels::max_pool_pixel<map>{in, kernel, stride, padding, height, width, x, y, argmax});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::max_pool_backward(const shape& in, int out_height,
                                                                   int out_width, const map* dy,
                                                                   const int* argmax, map* dx) {
  system_.each_group(in.images,
                     kernels::max_pool_gradient<map>{in, out_height * out_width, dy, argmax, dx});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::average_pool_forward(const shape& in, const map* x,
                                                                      real* y) {
  system_.each_group(in.images, kernels::average_pool_image<map>{in, x, y});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::average_pool_backward(const shape& in,
                                                                       const real* dy, map* dx) {
  system_.each_group(in.images, kernels::average_pool_gradient<map>{in, dy, dx});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::divide(const shape& in, int grid, const real* x,
                                                        map* patches) {
  system_.each_group(std::int64_t{grid} * grid * in.images * (in.height / grid),
                     kernels::divide_row<real, map>{in, grid, x, patches});
}
template <class System, class ConvEngine, class Map>
subset_means thrust_algorithms<System, ConvEngine, Map>::on_device(const subset_means& s) {
  const std::int64_t entries = std::int64_t{s.groups} * s.combinations * s.size;
  int* table = take<int>(entries);
  upload_indices(s.table, static_cast<std::size_t>(entries), table);
  subset_means there = s;
  there.table = table;
  return there;
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::combine_forward(const subset_means& s,
                                                                 const real* patches, real* means) {
  const frame scope(arena_);
  system_.each_group(s.groups * s.combinations * s.images,
                     kernels::combine_row<real>{on_device(s), patches, means});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::combine_backward(const subset_means& s,
                                                                  const real* dmeans,
                                                                  real* dpatches) {
  const frame scope(arena_);
  system_.each_group(s.groups * s.patches * s.images,
                     kernels::combine_gradient_row<real>{on_device(s), dmeans, dpatches});
}

// -- views ----------------------------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::upload_bytes(const std::uint8_t* host,
                                                              std::size_t n, std::uint8_t* x) {
  system_.upload(host, n, x);
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::render(const augment::view_batch& batch, real* x) {
  static_assert(std::is_trivially_copyable_v<augment::draw>, "decisions are uploaded as bytes");
  const frame scope(arena_);
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
  const std::int64_t room = static_cast<std::int64_t>(System::workspace / sizeof(real)) / each;
  const std::int64_t part = std::clamp<std::int64_t>(room, 1, batch.count());
  real* scratch = take<real>(part * each);
  for (std::int64_t first = 0; first < batch.count(); first += part) {
    system_.each_group(std::min(part, batch.count() - first),
                       augment::view_by_group{there, first, taps, scratch, x});
  }
}

// -- losses and memory ----------------------------------------------------------------------------

template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::normalize_rows_forward(std::int64_t rows,
                                                                        int columns, const real* x,
                                                                        real* y,
                                                                        real* inverse_norm) {
  system_.each_group(rows, kernels::normalize_row<real>{x, columns, y, inverse_norm});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::normalize_rows_backward(std::int64_t rows,
                                                                         int columns, const real* y,
                                                                         const real* inverse_norm,
                                                                         const real* dy, real scale,
                                                                         real* dx) {
  system_.each_group(
      rows, kernels::normalize_row_gradient<real>{y, inverse_norm, dy, columns, scale, dx});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::softmax_cross_entropy(const logit_shape& s,
                                                                       real scale, real* logits,
                                                                       real* row_loss) {
  system_.each_group(s.rows, kernels::softmax_cross_entropy_row<real>{s, scale, logits, row_loss});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::argmax_rows(std::int64_t rows,
                                                             std::int64_t columns, const real* x,
                                                             int* index) {
  system_.each_group(rows, kernels::argmax_row<real>{x, columns, index});
}
template <class System, class ConvEngine, class Map>
void thrust_algorithms<System, ConvEngine, Map>::gather_rows(const real* x, const int* index,
                                                             std::int64_t rows, int columns,
                                                             real* y) {
  system_.each_group(rows, kernels::gather_row<real>{x, index, columns, y});
}

}  // namespace triptych::backend
