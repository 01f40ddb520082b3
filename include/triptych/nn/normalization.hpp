// triptych/nn/normalization.hpp
//
// Batch normalization put together from the operations of a backend, for one group of rows or
// several:
//
//   forward     moments of x --> factor, shift (and running statistics) --> y = factor x + shift
//   backward    sums of dy and of dy times the normalized x --> dx
//
// Between the two steps stand the only numbers that depend on all rows of a group: there several
// ranks (comm/ranks.hpp) merge what each of them has. A view may be in equal `parts`, each with
// statistics of its own (MoCo's split BatchNorm); they are counted over all ranks, so that a rank
// holds several parts, or several ranks hold one.
// Source: Ioffe, Szegedy, "Batch normalization" (2015); backward as derived there, section 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/kernels/over_ranks.hpp>

namespace triptych::nn {

namespace normalization_detail {

template <class T, class B>
T* take(B& b, std::int64_t count) {
  return b.arena().template take<T>(static_cast<std::size_t>(count));
}

/// The parts of a view that a rank has rows of, and the ranks that have rows of a part.
template <class B>
int parts_held(const B& b, int parts) {
  return parts < ranks::count(b) ? 1 : parts / ranks::count(b);
}
template <class B>
int ranks_together(const B& b, int parts) {
  return parts < ranks::count(b) ? ranks::count(b) / parts : 1;
}

/// The moments (views, parts, C) of all ranks' rows, in the arena; `own` where there is one rank.
template <class B>
const moment* merged(B& b, const norm_shape& s, int views, int parts, const moment* own) {
  if constexpr (DistributedBackend<B>) {
    if (b.ranks() == 1) return own;
    const std::int64_t statistics = std::int64_t{s.groups} * s.channels;
    const std::int64_t all = std::int64_t{views} * parts * s.channels;
    moment* const shown = take<moment>(b, statistics * b.ranks());
    moment* const whole = take<moment>(b, all);
    b.gather(own, static_cast<std::size_t>(statistics), shown);
    b.each(static_cast<std::size_t>(all),
           kernels::merge_moments{b.ranks(), views, parts, s.channels, shown, whole});
    return whole;
  }
  return own;
}

}  // namespace normalization_detail

/// The statistics of x and what normalizes it, each (groups, C); moves the running statistics, if
/// any. Throws error::usage where a group has one row.
template <class B, class T>
void batch_norm_factors(B& b, const norm_shape& s, const T* x, const typename B::real* weight,
                        const typename B::real* bias, typename B::real epsilon,
                        running_statistics<typename B::real> running, typename B::real* mean,
                        typename B::real* inverse_deviation, typename B::real* factor,
                        typename B::real* shift, int parts = 1) {
  namespace of = normalization_detail;
  if (s.rows * of::ranks_together(b, parts) < 2) {
    throw error::usage(
        "batch_norm: a group of one row has no variance; take a larger `batch`, or fewer "
        "`bn-splits` or `micro-batches`");
  }
  const arena_frame scope(b.arena());
  moment* const moments = of::take<moment>(b, std::int64_t{s.groups} * s.channels);
  b.batch_norm_moments(s, x, moments);
  const int held = of::parts_held(b, parts), views = s.groups / held;
  const moment* const all = of::merged(b, s, views, parts, moments);
  if (parts == 1 || ranks::count(b) == 1) {
    b.batch_norm_factors(s.groups, s.channels, all, weight, bias, epsilon, running, mean,
                         inverse_deviation, factor, shift);
    return;
  }
  // Running statistics follow all parts, and the rows here those that they belong to.
  using real = typename B::real;
  real* const own[] = {mean, inverse_deviation, factor, shift};
  const std::int64_t numbers = std::int64_t{views} * parts * s.channels;
  real* const tables = of::take<real>(b, 4 * numbers);
  b.batch_norm_factors(views * parts, s.channels, all, weight, bias, epsilon, running, tables,
                       tables + numbers, tables + 2 * numbers, tables + 3 * numbers);
  const int first = ranks::own(b) * parts / ranks::count(b);
  for (int i = 0; i < 4; ++i) {
    for (int view = 0; view < views; ++view) {
      b.copy(tables + i * numbers + std::int64_t{view * parts + first} * s.channels,
             static_cast<std::size_t>(held) * static_cast<std::size_t>(s.channels),
             own[i] + std::int64_t{view * held} * s.channels);
    }
  }
}

/// y = weight (x - mean) / deviation + bias + residual, then relu if asked; y may be x or the
/// residual, which may be null.
template <class B, class T>
void batch_norm_forward(B& b, const norm_shape& s, const T* x, const typename B::real* weight,
                        const typename B::real* bias, typename B::real epsilon,
                        const std::type_identity_t<T>* residual, bool relu,
                        running_statistics<typename B::real> running, typename B::real* mean,
                        typename B::real* inverse_deviation, T* y, int parts = 1) {
  using real = typename B::real;
  const arena_frame scope(b.arena());
  const std::int64_t statistics = std::int64_t{s.groups} * s.channels;
  real* const factor = normalization_detail::take<real>(b, statistics);
  real* const shift = normalization_detail::take<real>(b, statistics);
  batch_norm_factors(b, s, x, weight, bias, epsilon, running, mean, inverse_deviation, factor,
                     shift, parts);
  b.batch_norm_apply(s, x, factor, shift, residual, relu, y);
}

/// The same from running statistics.
template <class B, class T>
void batch_norm_evaluate(B& b, std::int64_t rows, int channels, const T* x,
                         const typename B::real* weight, const typename B::real* bias,
                         typename B::real epsilon, const typename B::real* running_mean,
                         const typename B::real* running_variance,
                         const std::type_identity_t<T>* residual, bool relu, T* y) {
  using real = typename B::real;
  const arena_frame scope(b.arena());
  real* const factor = normalization_detail::take<real>(b, channels);
  real* const shift = normalization_detail::take<real>(b, channels);
  b.batch_norm_running_factors(channels, weight, bias, epsilon, running_mean, running_variance,
                               factor, shift);
  b.batch_norm_apply({rows, 1, channels}, x, factor, shift, residual, relu, y);
}

/// dx, which may be dy or x, from dy, which is masked in place where y, the output of a relu, is
/// given; adds to dweight and dbias. `x` is a map, or on a NormalizingBackend one that lacks the
/// last step (its relu's mask is computed then, and dy stays as it is). dweight and dbias get the
/// part of this rank's rows.
template <class B, class Map, class T>
void batch_norm_backward(B& b, const norm_shape& s, const Map& x, const std::type_identity_t<T>* y,
                         const typename B::real* weight, const typename B::real* mean,
                         const typename B::real* inverse_deviation, T* dy,
                         typename B::real* dweight, typename B::real* dbias,
                         std::type_identity_t<T>* dx, int parts = 1) {
  namespace of = normalization_detail;
  const arena_frame scope(b.arena());
  const std::int64_t numbers = 2 * std::int64_t{s.groups} * s.channels;
  const int together = of::ranks_together(b, parts);
  double* const sums = of::take<double>(b, numbers);
  b.batch_norm_sums(s, x, y, mean, inverse_deviation, dy, sums, dweight, dbias);
  if constexpr (DistributedBackend<B>) {
    if (together > 1) {
      const auto n = static_cast<std::size_t>(numbers);
      double* const shown = of::take<double>(b, numbers * b.ranks());
      b.gather(sums, n, shown);
      b.each(n,
             kernels::add_ranks<double>{b.rank() / together * together, together, n, shown, sums});
    }
  }
  b.batch_norm_gradient(s, s.rows * together, x, dy, weight, mean, inverse_deviation, sums, dx);
}

}  // namespace triptych::nn
