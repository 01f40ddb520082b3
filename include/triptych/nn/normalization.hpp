// triptych/nn/normalization.hpp
//
// Batch normalization put together from the operations of a backend, for one group of rows or
// several:
//
//   forward     moments of x --> factor, shift (and running statistics) --> y = factor x + shift
//   backward    sums of dy and of dy times the normalized x --> dx
//
// What stands between the two steps is all that a row has to know of the others.
// Source: Ioffe, Szegedy, "Batch normalization" (2015); backward as derived there, section 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/operands.hpp>

namespace triptych::nn {

namespace normalization_detail {

template <class B, class T>
T* take(B& b, std::int64_t count) {
  return b.arena().template take<T>(static_cast<std::size_t>(count));
}

}  // namespace normalization_detail

/// The statistics of x and what normalizes it, each (groups, C); moves the running statistics, if
/// any. Throws error::usage where a group has one row.
template <class B, class T>
void batch_norm_factors(B& b, const norm_shape& s, const T* x, const typename B::real* weight,
                        const typename B::real* bias, typename B::real epsilon,
                        running_statistics<typename B::real> running, typename B::real* mean,
                        typename B::real* inverse_deviation, typename B::real* factor,
                        typename B::real* shift) {
  if (s.rows < 2) {
    throw error::usage(
        "batch_norm: a group of one row has no variance; take a larger `batch`, or fewer "
        "`bn-splits`");
  }
  const arena_frame scope(b.arena());
  moment* const moments =
      normalization_detail::take<B, moment>(b, std::int64_t{s.groups} * s.channels);
  b.batch_norm_moments(s, x, moments);
  b.batch_norm_factors(s.groups, s.channels, moments, weight, bias, epsilon, running, mean,
                       inverse_deviation, factor, shift);
}

/// y = weight (x - mean) / deviation + bias + residual, then relu if asked; y may be x or the
/// residual, which may be null.
template <class B, class T>
void batch_norm_forward(B& b, const norm_shape& s, const T* x, const typename B::real* weight,
                        const typename B::real* bias, typename B::real epsilon,
                        const std::type_identity_t<T>* residual, bool relu,
                        running_statistics<typename B::real> running, typename B::real* mean,
                        typename B::real* inverse_deviation, T* y) {
  using real = typename B::real;
  const arena_frame scope(b.arena());
  const std::int64_t statistics = std::int64_t{s.groups} * s.channels;
  real* const factor = normalization_detail::take<B, real>(b, statistics);
  real* const shift = normalization_detail::take<B, real>(b, statistics);
  batch_norm_factors(b, s, x, weight, bias, epsilon, running, mean, inverse_deviation, factor,
                     shift);
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
  real* const factor = normalization_detail::take<B, real>(b, channels);
  real* const shift = normalization_detail::take<B, real>(b, channels);
  b.batch_norm_running_factors(channels, weight, bias, epsilon, running_mean, running_variance,
                               factor, shift);
  b.batch_norm_apply({rows, 1, channels}, x, factor, shift, residual, relu, y);
}

/// dx, which may be dy or x, from dy, which is masked in place where y, the output of a relu, is
/// given; adds to dweight and dbias. `x` is a map, or on a NormalizingBackend one that lacks the
/// last step (its relu's mask is computed then, and dy stays as it is).
template <class B, class Map, class T>
void batch_norm_backward(B& b, const norm_shape& s, const Map& x, const std::type_identity_t<T>* y,
                         const typename B::real* weight, const typename B::real* mean,
                         const typename B::real* inverse_deviation, T* dy,
                         typename B::real* dweight, typename B::real* dbias,
                         std::type_identity_t<T>* dx) {
  const arena_frame scope(b.arena());
  double* const sums =
      normalization_detail::take<B, double>(b, 2 * std::int64_t{s.groups} * s.channels);
  b.batch_norm_sums(s, x, y, mean, inverse_deviation, dy, sums, dweight, dbias);
  b.batch_norm_gradient(s, s.rows, x, dy, weight, mean, inverse_deviation, sums, dx);
}

}  // namespace triptych::nn
