// triptych/method/loss_values.hpp
//
// The losses of a step on their way from the backend to the report.
#pragma once

#include <array>
#include <cstddef>
#include <tuple>

#include <triptych/concepts/backend.hpp>

namespace triptych::method {

/// The numbers of a step's losses on the host: as many as its method has, then zeros.
using loss_list = std::array<double, 4>;

/// N numbers in backend memory, zero until a loss writes them; they live in the step's arena.
template <class B, int N>
class loss_values {
  static_assert(N <= int{std::tuple_size_v<loss_list>}, "lengthen loss_list");

 public:
  using real = typename B::real;

  explicit loss_values(B& backend)
      : backend_(&backend), values_(backend.arena().template take<real>(N)) {
    backend.fill(values_, N, real(0));
  }
  [[nodiscard]] real* operator[](int i) const { return values_ + i; }

  [[nodiscard]] loss_list read() const {
    std::array<real, N> host{};
    backend_->download(values_, N, host.data());
    loss_list wide{};
    for (std::size_t i = 0; i < N; ++i) wide[i] = static_cast<double>(host[i]);
    return wide;
  }

 private:
  B* backend_;
  real* values_;
};

}  // namespace triptych::method
