// triptych/backend/cpu/operations_inl.hpp
//
// The bodies of operations.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <triptych/backend/cpu/matrix_product.hpp>
#include <triptych/backend/cpu/operations.hpp>
#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/kernels/batch_norm.hpp>
#include <triptych/kernels/bias.hpp>
#include <triptych/kernels/descent.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/kernels/patches.hpp>
#include <triptych/kernels/pool.hpp>
#include <triptych/kernels/row_chunks.hpp>
#include <triptych/kernels/rows.hpp>

namespace triptych::backend::inline TRIPTYCH_ISA {

namespace launches {

/// One chunk of rows, all its channels: 64 at a time while there are as many, because
/// neighboring cache lines come faster than lines far apart; then 16.
template <class Functor>
TRIPTYCH_FLATTEN void blocks(const Functor& functor, const kernels::row_chunks& chunks,
                             std::int64_t i) {
  int c = 0;
  for (; c + 64 <= chunks.channels; c += 64) {
    functor.template run<64>(chunks.begin(i), chunks.end(i), c);
  }
  for (; c + 16 <= chunks.channels; c += 16) {
    functor.template run<16>(chunks.begin(i), chunks.end(i), c);
  }
  for (; c < chunks.channels; ++c) functor.template run<1>(chunks.begin(i), chunks.end(i), c);
}

/// functor.run over all rows and channels of a matrix.
template <class Functor>
void each_block(thread_pool& pool, kernels::row_chunks chunks, const Functor& functor) {
  pool.run(chunks.count(), [&](std::int64_t i) { blocks(functor, chunks, i); });
}

inline std::size_t chunk_numbers(const kernels::row_chunks& chunks) {
  return static_cast<std::size_t>(chunks.count()) * static_cast<std::size_t>(chunks.channels);
}

/// y += the per-chunk sums, in the chunks' order.
inline void add_chunks(const kernels::row_chunks& chunks, const float* sums, float* y) {
  for (int c = 0; c < chunks.channels; ++c) {
    double sum = 0;
    for (std::int64_t i = 0; i < chunks.count(); ++i) sum += double(sums[i * chunks.channels + c]);
    y[c] += static_cast<float>(sum);
  }
}

/// Sum of term(i) in double: eight interleaved parts a chunk, chunks in order.
template <class Term>
double reduce(std::size_t n, const Term& term) {
  double total = 0;
  for (std::size_t begin = 0; begin < n; begin += chunk) {
    const std::size_t end = std::min(n, begin + chunk);
    double part[8] = {};
    std::size_t i = begin;
    for (; i + 8 <= end; i += 8) {
      for (std::size_t l = 0; l < 8; ++l) part[l] += term(i + l);
    }
    for (std::size_t l = 0; i < end; ++i, ++l) part[l] += term(i);
    total +=
        ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
  }
  return total;
}

}  // namespace launches

TRIPTYCH_INLINE void cpu_operations::upload(const real* host, std::size_t n, real* x) {
  copy(host, n, x);
}

TRIPTYCH_INLINE void cpu_operations::download(const real* x, std::size_t n, real* host) {
  copy(x, n, host);
}

TRIPTYCH_INLINE void cpu_operations::upload_indices(const int* host, std::size_t n, int* x) {
  std::copy_n(host, n, x);
}

TRIPTYCH_INLINE void cpu_operations::download_indices(const int* x, std::size_t n, int* host) {
  std::copy_n(x, n, host);
}

TRIPTYCH_INLINE void cpu_operations::copy(const real* x, std::size_t n, real* y) {
  each(n, kernels::copy<real>{x, y});
}

TRIPTYCH_INLINE void cpu_operations::fill(real* x, std::size_t n, real value) {
  each(n, kernels::fill<real>{value, x});
}

TRIPTYCH_INLINE void cpu_operations::add(const real* x, std::size_t n, real* y) {
  each(n, kernels::add<real>{x, y});
}

TRIPTYCH_INLINE void cpu_operations::multiply(const real* x, std::size_t n, real* y) {
  each(n, kernels::multiply<real>{x, y});
}

TRIPTYCH_INLINE void cpu_operations::scale(real factor, std::size_t n, real* x) {
  each(n, kernels::scale<real>{factor, x});
}

TRIPTYCH_INLINE void cpu_operations::interpolate(real keep, const real* source, std::size_t n,
                                                 real* target) {
  commit_each(n, kernels::interpolate<real>{keep, source, target});
}

TRIPTYCH_INLINE void cpu_operations::sgd(std::size_t n, const real* gradient, real learning_rate,
                                         real momentum, real decay, const real* gradient_scale,
                                         real* momentum_buffer, real* weight) {
  commit_each(n, kernels::sgd<real>{gradient, learning_rate, momentum, decay, *gradient_scale,
                                    momentum_buffer, weight});
}

TRIPTYCH_INLINE double cpu_operations::sum_of_squares(const real* x, std::size_t n) const {
  return launches::reduce(n, [x](std::size_t i) { return double(x[i]) * double(x[i]); });
}

TRIPTYCH_INLINE bool cpu_operations::all_finite(const real* x, std::size_t n) const {
  return std::isfinite(launches::reduce(n, [x](std::size_t i) { return double(x[i]) * 0.0; }));
}

TRIPTYCH_INLINE void cpu_operations::mean(const real* x, std::size_t n, real scale, real* y) {
  y[0] = static_cast<real>(double(scale) *
                           launches::reduce(n, [x](std::size_t i) { return double(x[i]); }) /
                           static_cast<double>(n));
}

TRIPTYCH_INLINE void cpu_operations::gemm(transpose ta, transpose tb, std::int64_t m,
                                          std::int64_t n, std::int64_t k, real alpha, const real* a,
                                          const real* b, real beta, real* c) {
  product_detail::matrix_product(pool_, arena_, ta, tb, m, n, k, alpha, a, b, beta, c);
}

TRIPTYCH_INLINE void cpu_operations::bias_forward(std::int64_t rows, int channels, const real* bias,
                                                  bool relu, real* y) {
  launches::each_block(pool_, {rows, channels}, kernels::add_bias<real>{bias, channels, relu, y});
}

TRIPTYCH_INLINE void cpu_operations::bias_backward(std::int64_t rows, int channels, const real* y,
                                                   real* dy, real* dbias) {
  const arena_frame scope(arena_);
  const kernels::row_chunks chunks{rows, channels};
  real* sums = arena_.take<real>(launches::chunk_numbers(chunks));
  pool_.run(chunks.count(), [=](std::int64_t i) {
    launches::blocks(kernels::bias_sums<real>{y, channels, dy, sums + i * channels}, chunks, i);
  });
  launches::add_chunks(chunks, sums, dbias);
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_moments(const norm_shape& s, const real* x,
                                                        moment* moments) {
  const arena_frame scope(arena_);
  const kernels::row_chunks chunks{s.rows, s.channels};
  const auto channels = static_cast<std::size_t>(s.channels);
  real* means = arena_.take<real>(launches::chunk_numbers(chunks));
  real* squares = arena_.take<real>(launches::chunk_numbers(chunks));
  double* average = arena_.take<double>(channels);
  double* square = arena_.take<double>(channels);
  for (int g = 0; g < s.groups; ++g) {
    const real* const from = x + g * s.rows * s.channels;
    pool_.run(chunks.count(), [=](std::int64_t i) {
      launches::blocks(kernels::moments<real>{from, s.channels, means + i * s.channels,
                                              squares + i * s.channels},
                       chunks, i);
    });
    // As the sum of two moments, all channels of a chunk at once.
    std::fill_n(average, channels, 0.0);
    std::fill_n(square, channels, 0.0);
    double count = 0;
    for (std::int64_t i = 0; i < chunks.count(); ++i) {
      const auto n = static_cast<double>(chunks.end(i) - chunks.begin(i));
      const double pull = n / (count + n);
      for (int c = 0; c < s.channels; ++c) {
        const double d = double(means[i * s.channels + c]) - average[c];
        square[c] += double(squares[i * s.channels + c]) + d * d * count * pull;
        average[c] += d * pull;
      }
      count += n;
    }
    for (int c = 0; c < s.channels; ++c) {
      moments[std::int64_t{g} * s.channels + c] = {count, average[c], square[c]};
    }
  }
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_factors(int groups, int channels,
                                                        const moment* moments, const real* weight,
                                                        const real* bias, real epsilon,
                                                        running_statistics<real> running,
                                                        real* mean, real* inverse_deviation,
                                                        real* factor, real* shift) {
  each(static_cast<std::size_t>(groups) * static_cast<std::size_t>(channels),
       kernels::batch_factor<real>{channels, moments, weight, bias, epsilon, mean,
                                   inverse_deviation, factor, shift});
  if (running.mean == nullptr) return;
  each(static_cast<std::size_t>(channels),
       kernels::running_channel<real>{groups, channels, moments, running});
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_running_factors(int channels, const real* weight,
                                                                const real* bias, real epsilon,
                                                                const real* running_mean,
                                                                const real* running_variance,
                                                                real* factor, real* shift) {
  each(static_cast<std::size_t>(channels),
       kernels::running_factor<real>{weight, bias, running_mean, running_variance, epsilon, factor,
                                     shift});
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_apply(const norm_shape& s, const real* x,
                                                      const real* factor, const real* shift,
                                                      const real* residual, bool relu, real* y) {
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t at = g * s.rows * s.channels, statistics = g * s.channels;
    launches::each_block(pool_, {s.rows, s.channels},
                         kernels::normalize<real>{
                             x + at, residual == nullptr ? nullptr : residual + at,
                             factor + statistics, shift + statistics, s.channels, relu, y + at});
  }
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_sums(const norm_shape& s,
                                                     const normalized_map<real>& map, const real* y,
                                                     const real* mean,
                                                     const real* inverse_deviation, real* dy,
                                                     double* sums, real* dweight, real* dbias) {
  const arena_frame scope(arena_);
  const kernels::row_chunks chunks{s.rows, s.channels};
  const auto channels = static_cast<std::size_t>(s.channels);
  real* chunk_sums = arena_.take<real>(launches::chunk_numbers(chunks));
  real* chunk_dots = arena_.take<real>(launches::chunk_numbers(chunks));
  double* all_sums = arena_.take<double>(channels);
  double* all_dots = arena_.take<double>(channels);
  std::fill_n(all_sums, channels, 0.0);
  std::fill_n(all_dots, channels, 0.0);
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t at = g * s.rows * s.channels, statistics = g * s.channels;
    const real* const factor = map.factor == nullptr ? nullptr : map.factor + statistics;
    const real* const shift = map.factor == nullptr ? nullptr : map.shift + statistics;
    pool_.run(chunks.count(), [=](std::int64_t i) {
      launches::blocks(kernels::norm_sums<real>{map.x + at, y == nullptr ? nullptr : y + at,
                                                mean + statistics, inverse_deviation + statistics,
                                                s.channels, dy + at, chunk_sums + i * s.channels,
                                                chunk_dots + i * s.channels, factor, shift},
                       chunks, i);
    });
    double* const group_sums = sums + statistics;
    double* const group_dots = sums + (s.groups + g) * s.channels;
    std::fill_n(group_sums, channels, 0.0);
    std::fill_n(group_dots, channels, 0.0);
    for (std::int64_t i = 0; i < chunks.count(); ++i) {
      for (int c = 0; c < s.channels; ++c) {
        group_sums[c] += double(chunk_sums[i * s.channels + c]);
        group_dots[c] += double(chunk_dots[i * s.channels + c]);
      }
    }
    for (int c = 0; c < s.channels; ++c) {
      all_sums[c] += group_sums[c];
      all_dots[c] += group_dots[c];
    }
  }
  for (int c = 0; c < s.channels; ++c) {
    dbias[c] += static_cast<real>(all_sums[c]);
    dweight[c] += static_cast<real>(all_dots[c]);
  }
}

TRIPTYCH_INLINE void cpu_operations::batch_norm_gradient(const norm_shape& s, std::int64_t rows,
                                                         const normalized_map<real>& map,
                                                         const real* dy, const real* weight,
                                                         const real* mean,
                                                         const real* inverse_deviation,
                                                         const double* sums, real* dx) {
  const arena_frame scope(arena_);
  const std::int64_t statistics = std::int64_t{s.groups} * s.channels;
  real* const means = arena_.take<real>(static_cast<std::size_t>(2 * statistics));
  each(static_cast<std::size_t>(2 * statistics), kernels::norm_mean<real>{rows, sums, means});
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t at = g * s.rows * s.channels, of = g * s.channels;
    launches::each_block(
        pool_, {s.rows, s.channels},
        kernels::norm_gradient<real>{map.x + at, dy + at, mean + of, inverse_deviation + of, weight,
                                     means + of, means + statistics + of, s.channels, dx + at,
                                     map.factor == nullptr ? nullptr : map.factor + of,
                                     map.factor == nullptr ? nullptr : map.shift + of});
  }
}

TRIPTYCH_INLINE void cpu_operations::max_pool_forward(const shape& in, int kernel, int step,
                                                      int padding, const real* x, real* y,
                                                      int* argmax) {
  const int height = (in.height + 2 * padding - kernel) / step + 1;
  const int width = (in.width + 2 * padding - kernel) / step + 1;
  each_row(in.images * height * width, in.channels * kernel * kernel,
           kernels::max_pool_pixel<real>{in, kernel, step, padding, height, width, x, y, argmax});
}

TRIPTYCH_INLINE void cpu_operations::max_pool_backward(const shape& in, int out_height,
                                                       int out_width, const real* dy,
                                                       const int* argmax, real* dx) {
  each_row(in.images, in.height * in.width * in.channels,
           kernels::max_pool_gradient<real>{in, out_height * out_width, dy, argmax, dx});
}

TRIPTYCH_INLINE void cpu_operations::average_pool_forward(const shape& in, const real* x, real* y) {
  each_row(in.images, in.height * in.width * in.channels,
           kernels::average_pool_image<real>{in, x, y});
}

TRIPTYCH_INLINE void cpu_operations::average_pool_backward(const shape& in, const real* dy,
                                                           real* dx) {
  each_row(in.images, in.height * in.width * in.channels,
           kernels::average_pool_gradient<real>{in, dy, dx});
}

TRIPTYCH_INLINE void cpu_operations::divide(const shape& in, int grid, const real* x,
                                            real* patches) {
  each_row(std::int64_t{grid} * grid * in.images * (in.height / grid),
           in.width / grid * in.channels, kernels::divide_row<real>{in, grid, x, patches});
}

TRIPTYCH_INLINE void cpu_operations::combine_forward(const subset_means& s, const real* patches,
                                                     real* means) {
  each_row(s.groups * s.combinations * s.images, s.channels * s.size,
           kernels::combine_row<real>{s, patches, means});
}

TRIPTYCH_INLINE void cpu_operations::combine_backward(const subset_means& s, const real* dmeans,
                                                      real* dpatches) {
  each_row(s.groups * s.patches * s.images, s.channels * s.combinations,
           kernels::combine_gradient_row<real>{s, dmeans, dpatches});
}

TRIPTYCH_INLINE void cpu_operations::normalize_rows_forward(std::int64_t rows, int columns,
                                                            const real* x, real* y,
                                                            real* inverse_norm) {
  each_row(rows, columns, kernels::normalize_row<real>{x, columns, y, inverse_norm});
}

TRIPTYCH_INLINE void cpu_operations::normalize_rows_backward(std::int64_t rows, int columns,
                                                             const real* y,
                                                             const real* inverse_norm,
                                                             const real* dy, real scale, real* dx) {
  each_row(rows, columns,
           kernels::normalize_row_gradient<real>{y, inverse_norm, dy, columns, scale, dx});
}

TRIPTYCH_INLINE void cpu_operations::softmax_cross_entropy(const logit_shape& s, real scale,
                                                           real* logits, real* row_loss) {
  each_row(s.rows, s.columns, kernels::softmax_cross_entropy_row<real>{s, scale, logits, row_loss});
}

TRIPTYCH_INLINE void cpu_operations::argmax_rows(std::int64_t rows, std::int64_t columns,
                                                 const real* x, int* index) {
  each_row(rows, columns, kernels::argmax_row<real>{x, columns, index});
}

TRIPTYCH_INLINE void cpu_operations::gather_rows(const real* x, const int* index, std::int64_t rows,
                                                 int columns, real* y) {
  each_row(rows, columns, kernels::gather_row<real>{x, index, columns, y});
}

}  // namespace triptych::backend::inline TRIPTYCH_ISA
