// triptych/method/loss_values.hpp
//
// The losses of a step on their way from the backend to the report.
#pragma once

#include <array>
#include <cstddef>

#include <triptych/concepts/backend.hpp>

namespace triptych::method {

/// N numbers in backend memory, zero until a loss writes them; they live in the step's arena.
template <class B, int N>
class loss_values {
 public:
  using real = typename B::real;

  explicit loss_values(B& backend)
      : backend_(&backend), values_(backend.arena().template take<real>(N)) {
    backend.fill(values_, N, real(0));
  }
  [[nodiscard]] real* operator[](int i) const { return values_ + i; }

  [[nodiscard]] std::array<double, N> read() const {
    std::array<real, N> host{};
    backend_->download(values_, N, host.data());
    std::array<double, N> wide{};
    for (std::size_t i = 0; i < N; ++i) wide[i] = static_cast<double>(host[i]);
    return wide;
  }

 private:
  B* backend_;
  real* values_;
};

}  // namespace triptych::method
