// triptych/concepts/deferring_backend.hpp
//
// A backend whose numbers are expensive to look at, because the host has to wait for them. It can do
// a whole training step without the host's eyes:
//
//   - numbers that a step reports are written to the backend's memory, to be read when somebody asks
//   - a gate, one number in that memory, is closed by the first number that is not finite. While it
//     is closed `sgd`, `lars`, `interpolate` and `commit` change nothing, so the state of a run stays
//     what it was before the step that closed it
//   - norms by which gradients are clipped and steps are scaled stay in that memory
//   - a step's launches can be made as one, a graph: what a step launches anew each time is recorded,
//     and launched as a whole
//
// Backends without these operations compute a step's numbers at once. See docs/design/0007.
#pragma once

#include <concepts>
#include <cstddef>

#include <triptych/concepts/backend.hpp>
#include <triptych/kernels/descent.hpp>

namespace triptych {

// clang-format off
template <class B>
concept DeferringBackend = Backend<B> && requires(
    B& b, typename B::real* x, const typename B::real* cx, typename B::real s, double d,
    std::size_t n, const kernels::lars_trust& trust, void (*work)()) {
  { b.gate() } -> std::same_as<const typename B::real*>;  // 1: open; 0: closed
  b.open_gate();                         // it is open from the start
  b.close_gate_unless_finite(cx, n);     // where any of the numbers is NaN or infinite
  b.commit(cx, n, x);                    // x = cx through the gate
  b.norm(cx, n, x);                      // x[0] = |cx|
  b.clip(d, cx, x);                      // limit, norm -> x[0] = what the gradient is multiplied by
  b.sgd(n, cx, s, s, s, cx, x, x);       // as on every backend, with the gradient's scale in memory
  // One tensor: gradient, lr, momentum, gradient's scale in memory, buffer, weights.
  b.lars(n, trust, cx, d, s, cx, x, x);
  // work(), which looks at nothing, as one launch. Where this throws, nothing of it was launched, though
  // work() may have run on the host. See docs/design/0009.
  b.as_graph(work);
};
// clang-format on

/// x = cx (n numbers) in the state of a run: through the gate, where the backend has one.
template <class B>
void commit(B& backend, const typename B::real* cx, std::size_t n, typename B::real* x) {
  if constexpr (DeferringBackend<B>) {
    backend.commit(cx, n, x);
  } else {
    backend.copy(cx, n, x);
  }
}

/// f(i) for 0 <= i < n, which writes to the state of a run: through the gate, where the backend has one.
template <class B, class Functor>
void commit_each(B& backend, std::size_t n, const Functor& f) {
  if constexpr (DeferringBackend<B>) {
    backend.each(n, kernels::gated<Functor, typename B::real>{backend.gate(), f});
  } else {
    backend.each(n, f);
  }
}

/// work(): as a graph, where the backend has them. There it must not look at a number of the backend's, which
/// throws error::usage; elsewhere it is simply called.
template <class B, class Work>
void as_graph(B& backend, const Work& work) {
  if constexpr (DeferringBackend<B>) {
    backend.as_graph(work);
  } else {
    work();
  }
}

}  // namespace triptych
