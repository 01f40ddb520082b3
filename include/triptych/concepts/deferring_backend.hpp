// triptych/concepts/deferring_backend.hpp
//
// A backend whose numbers are expensive to look at, because the host has to wait for them. It can do
// a whole training step without the host's eyes:
//
//   - numbers that a step reports are written to the backend's memory, to be read when somebody asks
//   - a gate, one number in that memory, is closed by the first number that is not finite. While it
//     is closed `sgd`, `interpolate` and `commit` change nothing, so the state of a run stays what it
//     was before the step that closed it
//
// Backends without these operations compute a step's numbers at once. See docs/design/0007.
#pragma once

#include <concepts>
#include <cstddef>

#include <triptych/concepts/backend.hpp>

namespace triptych {

// clang-format off
template <class B>
concept DeferringBackend = Backend<B> && requires(
    B& b, typename B::real* x, const typename B::real* cx, std::size_t n) {
  { b.gate() } -> std::same_as<const typename B::real*>;  // 1: open; 0: closed
  b.open_gate();                         // it is open from the start
  b.close_gate_unless_finite(cx, n);     // where any of the numbers is NaN or infinite
  b.commit(cx, n, x);                    // x = cx through the gate
  b.norm(cx, n, x);                      // x[0] = |cx|
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

}  // namespace triptych
