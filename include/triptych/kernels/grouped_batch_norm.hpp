// triptych/kernels/grouped_batch_norm.hpp
//
// Batch normalization of all groups of a matrix in a handful of launches, for backends on which a
// launch costs more than the work of a small group. The arithmetic is that of
// kernels/batch_norm.hpp; here is which thread does which run of rows, and how the runs' moments
// become those of a group. T is the type of the matrix in *_run, of statistics elsewhere.
//
//   G groups of R rows, C channels; every group is cut into K runs of rows (row_chunks)
//   *_run      functor(i), i counts (group, run, channel): neighboring threads, neighboring channels
//   *_group    functor(g, i), i counts (group, channel), g a group of lanes: they share out the runs
//   *_channel  functor(c): in the order of groups
#pragma once

#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/kernels/batch_norm.hpp>
#include <triptych/kernels/group.hpp>
#include <triptych/kernels/row_chunks.hpp>

namespace triptych::kernels {

/// Where thread i of G K C stands.
struct run_position {
  std::int64_t group, row, begin, end;  ///< row counts (group, run)
  int channel;

  TRIPTYCH_HOST_DEVICE run_position(const norm_shape& s, std::int64_t i) {
    const row_chunks chunks{s.rows, s.channels};
    // In 32 bits, which a device divides in a few instructions: G K C is a small part of the
    // matrix.
    const auto runs = static_cast<std::uint32_t>(chunks.count());
    const auto channels = static_cast<std::uint32_t>(s.channels);
    const auto number = static_cast<std::uint32_t>(i) / channels;
    channel = static_cast<int>(static_cast<std::uint32_t>(i) % channels);
    row = number;
    group = number / runs;
    begin = chunks.begin(number % runs);
    end = chunks.end(number % runs);
  }

  /// Of the group's first number.
  TRIPTYCH_HOST_DEVICE std::int64_t at(const norm_shape& s) const {
    return group * s.rows * s.channels;
  }
  /// Of the run's row in a table (G, K, C).
  TRIPTYCH_HOST_DEVICE std::int64_t table_row(const norm_shape& s) const {
    return row * s.channels;
  }
};

// -- forward -------------------------------------------------------------------------------------

template <class T>
struct moments_run {
  using real = compute_type<T>;

  norm_shape s;
  const T* x;
  real *means, *squares;  ///< (G, K, C)

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const run_position p(s, i);
    moments<T>{x + p.at(s), s.channels, means + p.table_row(s), squares + p.table_row(s)}
        .template run<1>(p.begin, p.end, p.channel);
  }
};

template <class T>
struct moments_group {
  norm_shape s;
  const T *means, *squares;  ///< (G, K, C)
  moment* moments;           ///< (G, C)

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t i) const {
    const row_chunks chunks{s.rows, s.channels};
    const std::int64_t first = i / s.channels * chunks.count() * s.channels + i % s.channels;
    const T *const from = means + first, *const spread = squares + first;
    const std::int64_t stride = s.channels;
    const moment all = g.reduce(
        chunks.count(), moment{},
        [=](std::int64_t k) {
          return moment{static_cast<double>(chunks.end(k) - chunks.begin(k)),
                        static_cast<double>(from[k * stride]),
                        static_cast<double>(spread[k * stride])};
        },
        plus{});
    g.each(1, [=, this](std::int64_t) { moments[i] = all; });
  }
};

template <class T>
struct normalize_run {
  using real = compute_type<T>;

  norm_shape s;
  const T *x, *residual;       ///< residual or null
  const real *factor, *shift;  ///< (G, C)
  bool relu;
  T* y;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const run_position p(s, i);
    const std::int64_t at = p.at(s), table = p.group * s.channels;
    normalize<T>{x + at,         residual == nullptr ? nullptr : residual + at,
                 factor + table, shift + table,
                 s.channels,     relu,
                 y + at}
        .template run<1>(p.begin, p.end, p.channel);
  }
};

// -- backward ------------------------------------------------------------------------------------

template <class T>
struct norm_sums_run {
  using real = compute_type<T>;

  norm_shape s;
  const T *x, *y;                        ///< y or null
  const real *mean, *inverse_deviation;  ///< (G, C)
  T* dy;
  real *sums, *dots;  ///< (G, K, C)

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const run_position p(s, i);
    const std::int64_t at = p.at(s), table = p.group * s.channels;
    norm_sums<T>{x + at,
                 y == nullptr ? nullptr : y + at,
                 mean + table,
                 inverse_deviation + table,
                 s.channels,
                 dy + at,
                 sums + p.table_row(s),
                 dots + p.table_row(s)}
        .template run<1>(p.begin, p.end, p.channel);
  }
};

/// Sums over a group, in double.
template <class T>
struct norm_sums_group {
  norm_shape s;
  const T* sums;  ///< (G, K, C)
  double* total;  ///< (G, C)

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t i) const {
    const std::int64_t runs = row_chunks{s.rows, s.channels}.count(), stride = s.channels;
    const T* const from = sums + i / s.channels * runs * s.channels + i % s.channels;
    const double sum = g.template sum<double>(
        runs, [=](std::int64_t k) { return static_cast<double>(from[k * stride]); });
    g.each(1, [=, this](std::int64_t) { total[i] = sum; });
  }
};

/// y[c] += the sum over groups of total (G, C).
template <class T>
struct add_groups_channel {
  int groups, channels;
  const double* total;
  T* y;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t c) const {
    double sum = 0;
    for (int g = 0; g < groups; ++g) sum += total[g * channels + c];
    y[c] += static_cast<T>(sum);
  }
};

template <class T>
struct norm_gradient_run {
  using real = compute_type<T>;

  norm_shape s;
  const T *x, *dy;
  const real *mean, *inverse_deviation;  ///< (G, C)
  const real* weight;                    ///< (C)
  const real *mean_dy, *mean_dy_normal;  ///< (G, C)
  T* dx;

  TRIPTYCH_HOST_DEVICE void operator()(std::int64_t i) const {
    const run_position p(s, i);
    const std::int64_t at = p.at(s), table = p.group * s.channels;
    norm_gradient<T>{x + at, dy + at,         mean + table,           inverse_deviation + table,
                     weight, mean_dy + table, mean_dy_normal + table, s.channels,
                     dx + at}
        .template run<1>(p.begin, p.end, p.channel);
  }
};

}  // namespace triptych::kernels
