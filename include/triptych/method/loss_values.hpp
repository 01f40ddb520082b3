// triptych/method/loss_values.hpp
//
// The losses of a step on their way from the backend to the report.
#pragma once

#include <span>

#include <triptych/concepts/backend.hpp>

namespace triptych::method {

/// The numbers of a step's losses on the host, as many as its method has, then zeros.
using loss_list = std::span<const double>;

/// N numbers in backend memory, zero until a loss writes them; they live in the step's arena.
template <class B, int N>
class loss_values {
 public:
  using real = typename B::real;

  explicit loss_values(B& backend) : values_(backend.arena().template take<real>(N)) {
    backend.fill(values_, N, real(0));
  }
  [[nodiscard]] real* operator[](int i) const { return values_ + i; }

 private:
  real* values_;
};

}  // namespace triptych::method
