// triptych/concepts/normalizing_backend.hpp
//
// A backend whose convolutions read a map before the last step of its BatchNorm and do that step
// while they read: the normalized map is never written, nor kept for backward. Elsewhere BatchNorm
// writes it (concepts/backend.hpp).
//
// The relu's mask is then that of factor x + shift, computed again in backward.
#pragma once

#include <concepts>
#include <cstdint>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>

namespace triptych {

// clang-format off
template <class B>
concept NormalizingBackend = Backend<B> && requires(
    B& b, typename B::real* x, const typename B::real* cx, typename B::real s,
    typename B::activation* f, const typename B::activation* cf,
    const normalized_map<typename B::activation, typename B::real>& map, norm_shape ns,
    running_statistics<typename B::real> rs, const convolution::geometry& g) {
  // Whether this convolution does, a matter of its shape alone: only then may its passes over x be
  // given a map that lacks the step.
  { b.reads_normalized(g) } -> std::same_as<bool>;
  b.convolution_forward(g, map, cx, f);                // x, w -> y
  b.convolution_backward_weights(g, map, cf, x, true); // x, dy -> dw; last: adds to dw
  // x, weight, bias, eps, running -> mean, inverse deviation, and of x (groups x C) factor, shift.
  b.batch_norm_factors(ns, cf, cx, cx, s, rs, x, x, x, x);
  // y is null where the map lacks the step: its relu's mask is computed, and dy stays as it is.
  b.batch_norm_backward(ns, map, cf, cx, cx, cx, f, x, x, f);
};
// clang-format on

}  // namespace triptych
