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
    B& b, typename B::real* x, const typename B::real* cx, typename B::activation* f, const typename B::activation* cf,
    const normalized_map<typename B::activation, typename B::real>& map, norm_shape ns,
    std::int64_t m, double* dd, const double* cdd, const convolution::geometry& g) {
  // Whether this convolution does, a matter of its shape alone: only then may its passes over x be
  // given a map that lacks the step.
  { b.reads_normalized(g) } -> std::same_as<bool>;
  b.convolution_forward(g, map, cx, f);                // x, w -> y
  b.convolution_backward_weights(g, map, cf, x, true); // x, dy -> dw; last: adds to dw
  // y is null where the map lacks the step: its relu's mask is computed, and dy stays as it is.
  b.batch_norm_sums(ns, map, cf, cx, cx, f, dd, x, x);
  b.batch_norm_gradient(ns, m, map, cf, cx, cx, cx, cdd, f);
};
// clang-format on

}  // namespace triptych
