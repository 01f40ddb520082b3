// triptych/concepts/backend.hpp
//
// What a backend offers: memory and some forty operations on plain row-major arrays. Networks,
// losses and methods are written over this list alone, so one text runs on every backend.
//
// Two types of numbers: `real`, of weights, statistics, features and losses, and `activation`, of
// the feature maps of an encoder and their gradients. On a CPU they are the same; an `activation`
// of fewer bits halves what a GPU moves. Below, x is real and f a map; batch normalization and
// `add` take either.
//
// Conventions, for every operation below:
//   - matrices and feature maps are row-major; pointers are to the backend's own memory;
//   - outputs are overwritten unless a comment says "adds to"; in-place use is allowed only where a
//     comment says so;
//   - the same input gives the same bits for any number of threads.
// `backend/reference.hpp` is the oracle: plain loops, nothing shared with any other backend.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/descent.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/kernels/rows.hpp>

namespace triptych {

// clang-format off
template <class B>
concept Backend = requires { typename B::real; typename B::activation; typename B::allocator; } && requires(
    B& b, typename B::real* x, const typename B::real* cx, typename B::real s,
    typename B::activation* f, const typename B::activation* cf,
    std::size_t n, std::int64_t m, int c, int* i, const int* ci, shape sh, norm_shape ns,
    running_statistics<typename B::real> rs, logit_shape ls, subset_means sm,
    moment* mo, const moment* cmo, double* dd, const double* cdd,
    const convolution::geometry& g, transpose t, double d, const kernels::lars_trust& trust,
    void (*work)()) {
  requires std::floating_point<typename B::real>;
  requires std::convertible_to<typename B::activation, typename B::real>;
  /// The activations of the running step.
  { b.arena() } -> std::same_as<stack_arena<typename B::allocator>&>;

  // -- moving numbers --------------------------------------------------------------------------
  b.upload(cx, n, x);        // n numbers: host -> backend
  b.download(cx, n, x);      // n numbers: backend -> host
  b.upload_indices(ci, n, i);
  b.download_indices(ci, n, i);
  b.copy(cx, n, x);          // x[0..n) = cx[0..n)
  b.fill(x, n, s);

  b.each(n, kernels::fill<typename B::real>{s, x});  // f(i) for 0 <= i < n: a functor as in kernels/elementwise.hpp
  // f(g, r) for 0 <= r < m, a row having m numbers: a functor as in kernels/rows.hpp
  b.each_row(m, m, kernels::argmax_row<typename B::real>{cx, m, i});

  // -- flat vectors ----------------------------------------------------------------------------
  b.add(cx, n, x);           // x += cx
  b.add(cf, n, f);
  b.multiply(cx, n, x);      // x *= cx
  b.scale(s, n, x);          // x *= s
  { b.sum_of_squares(cx, n) } -> std::convertible_to<double>;
  { b.all_finite(cx, n) } -> std::convertible_to<bool>;
  b.mean(cx, n, s, x);       // x[0] = s * mean(cx[0..n))

  // -- matrix product --------------------------------------------------------------------------
  // c (m x n) = alpha op(a) (m x k) op(b) (k x n) + beta c
  b.gemm(t, t, m, m, m, s, cx, cx, s, x);

  // -- layers ----------------------------------------------------------------------------------
  b.convolution_forward(g, cf, cx, f);                    // x, w -> y
  b.convolution_backward_data(g, cf, cx, f, true);        // dy, w -> dx; last: adds to dx
  b.convolution_backward_weights(g, cf, cf, x, true);     // x, dy -> dw; last: adds to dw
  b.bias_forward(m, c, cx, true, x);                      // y (m x c, in place) += bias; relu?
  b.bias_backward(m, c, cx, x, x);                        // y or null (relu mask), dy (masked in place), adds to dbias
  // Batch normalization in parts (nn/normalization.hpp puts them together). What is of a group and
  // a channel is (groups, C).
  b.batch_norm_moments(ns, cx, mo);                       // x -> moments
  b.batch_norm_moments(ns, cf, mo);
  // groups, C, moments, weight, bias, eps, running -> mean, inverse deviation, factor, shift
  b.batch_norm_factors(c, c, cmo, cx, cx, s, rs, x, x, x, x);
  // C, weight, bias, eps, running mean, running variance -> factor, shift
  b.batch_norm_running_factors(c, cx, cx, s, cx, cx, x, x);
  // x, factor, shift, residual or null, relu? -> y = factor x + shift + residual, which may be x or
  // the residual
  b.batch_norm_apply(ns, cx, cx, cx, cx, true, x);
  b.batch_norm_apply(ns, cf, cx, cx, cf, true, f);
  // x, y or null (relu mask), mean, inverse deviation, dy (masked in place) -> sums of dy, then of
  // dy times the normalized x (2, groups, C); adds to dweight and dbias
  b.batch_norm_sums(ns, cx, cx, cx, cx, x, dd, x, x);
  b.batch_norm_sums(ns, cf, cf, cx, cx, f, dd, x, x);
  // rows behind a sum, x, dy, weight, mean, inverse deviation, sums -> dx, which may be dy or x
  b.batch_norm_gradient(ns, m, cx, cx, cx, cx, cx, cdd, x);
  b.batch_norm_gradient(ns, m, cf, cf, cx, cx, cx, cdd, f);
  b.max_pool_forward(sh, c, c, c, cf, f, i);              // shape of x, kernel, stride, padding, x -> y, argmax (index into H*W; ties: first)
  b.max_pool_backward(sh, c, c, cf, ci, f);               // shape of x, height and width of dy, dy, argmax -> dx
  b.average_pool_forward(sh, cf, x);                      // x (N,H,W,C) -> y (N,C)
  b.average_pool_backward(sh, cx, f);                     // dy (N,C) -> dx (N,H,W,C)
  // Images (N,H,W,C) -> patches (g*g*N, H/g, W/g, C), patch-major in row-major order of the grid;
  // sh.groups is ignored. A grid of 1 makes a map of whole images.
  b.divide(sh, c, cx, f);
  b.combine_forward(sm, cx, x);                           // patches -> means of subsets
  b.combine_backward(sm, cx, x);                          // d(means) -> d(patches)

  // -- what a step does to the state of a run ---------------------------------------------------
  // A gate, one number in the backend's memory, is closed by the first number that is not finite.
  // While it is closed, what is below it here changes nothing, so the state stays what it was
  // before that step.
  { b.gate() } -> std::same_as<const typename B::real*>;  // 1: open; 0: closed
  b.open_gate();                          // it is open from the start
  b.close_gate_unless_finite(cx, n);      // where any of the numbers is NaN or infinite
  b.commit(cx, n, x);                     // x = cx
  b.commit_each(n, kernels::fill<typename B::real>{s, x});  // each
  b.interpolate(s, cx, n, x);             // x = s x + (1 - s) cx                  (EMA)
  // gradient, lr, momentum, decay, gradient's scale in memory, buffer, weights:
  // g = scale * gradient + decay * w; buf = momentum * buf + g; w -= lr * buf
  b.sgd(n, cx, s, s, s, cx, x, x);
  b.lars(n, trust, cx, d, s, cx, x, x);   // one tensor: gradient, lr, momentum, scale, buffer, weights

  b.norm(cx, n, x);                       // x[0] = |cx|
  b.clip(d, cx, x);                       // limit, norm -> x[0] = what the gradient is multiplied by
  // Whether looking at a number means waiting. Then a step is only launched, and read when somebody
  // asks.
  { B::defers } -> std::convertible_to<bool>;
  // work(), which looks at nothing, as one launch. Where this throws, nothing of it was launched,
  // though work() may have run on the host. See docs/design/0009.
  b.as_graph(work);

  // -- losses and memory -----------------------------------------------------------------------
  b.normalize_rows_forward(m, c, cx, x, x);               // x -> y = x / max(|x|, 1e-12), 1 / max(|x|, 1e-12) per row
  b.normalize_rows_backward(m, c, cx, cx, cx, s, x);      // y, inverse norm, dy, scale: adds scale * d to dx
  // Cross-entropy of softmax(logits): logits become scale * d(sum of row losses)/d(logits); loss
  // per row.
  b.softmax_cross_entropy(ls, s, x, x);
  b.argmax_rows(m, m, cx, i);                             // rows, columns; ties: the lowest index
  b.gather_rows(cx, ci, m, c, x);                         // x row r = cx row ci[r]
};
// clang-format on

}  // namespace triptych
