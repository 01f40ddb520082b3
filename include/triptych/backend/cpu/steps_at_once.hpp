// triptych/backend/cpu/steps_at_once.hpp
//
// The gate and the scalars of a step (concepts/backend.hpp) for a backend whose numbers the host
// can read: whatever it computes is there at once, and a graph is a call. A backend derives from
// it, as its argument B.
#pragma once

#include <cmath>
#include <cstddef>

#include <triptych/config.hpp>
#include <triptych/kernels/descent.hpp>

namespace triptych::backend {

template <class B, class T>
class steps_at_once {
 public:
  static constexpr bool defers = false;

  [[nodiscard]] const T* gate() const noexcept { return &gate_; }
  void open_gate() noexcept { gate_ = 1; }
  void close_gate_unless_finite(const T* x, std::size_t n) {
    if (!self().all_finite(x, n)) gate_ = 0;
  }

  template <class Functor>
  void commit_each(std::size_t n, const Functor& functor) {
    if (is_open()) self().each(n, functor);
  }
  void commit(const T* x, std::size_t n, T* y) {
    if (is_open()) self().copy(x, n, y);
  }

  void norm(const T* x, std::size_t n, T* y) {
    *y = static_cast<T>(std::sqrt(self().sum_of_squares(x, n)));
  }
  void clip(double limit, const T* norm, T* scale) {
    *scale = static_cast<T>(kernels::clip_scale(limit, static_cast<double>(*norm)));
  }
  void lars(std::size_t n, const kernels::lars_trust& trust, const T* gradient,
            double learning_rate, T momentum, const T* gradient_scale, T* momentum_buffer,
            T* weight) {
    const auto f = trust.factors(learning_rate, std::sqrt(self().sum_of_squares(weight, n)),
                                 std::sqrt(self().sum_of_squares(gradient, n)),
                                 static_cast<double>(*gradient_scale));
    const auto scale = static_cast<T>(f.gradient_scale);
    self().sgd(n, gradient, static_cast<T>(f.learning_rate), momentum, static_cast<T>(f.decay),
               &scale, momentum_buffer, weight);
  }

  template <class Work>
  void as_graph(const Work& work) {
    work();
  }

 protected:
  [[nodiscard]] bool is_open() const noexcept { return gate_ != T(0); }

 private:
  [[nodiscard]] B& self() noexcept { return static_cast<B&>(*this); }

  T gate_ = 1;
};

}  // namespace triptych::backend
