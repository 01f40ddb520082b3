// triptych/method/unit_rows.hpp
//
// Embeddings on the unit sphere, which is all that losses look at, and the gradient's way back:
//
//   x (V R, P), V views of R rows each --> u = x / |x|, and where a loss adds dL/du --> dL/dx
//
// Lives in the arena of the running step.
#pragma once

#include <cstdint>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::method {

/// Unit rows without a gradient: targets.
template <class B>
tensor<const typename B::real> normalized(B& backend, tensor<const typename B::real> x) {
  using real = typename B::real;
  auto& arena = backend.arena();
  const tensor<real> unit{x.shape, arena.template take<real>(x.size())};
  const arena_frame scope(arena);
  real* norms = arena.template take<real>(static_cast<std::size_t>(x.shape.images));
  backend.normalize_rows_forward(x.shape.images, x.shape.channels, x.data, unit.data, norms);
  return unit;
}

/// The rows of view `v` (counted from 0) among `views` of as many rows each.
template <class T>
tensor<T> view_of(tensor<T> rows, int views, int v) {
  const std::int64_t each = rows.shape.images / views;
  auto part = rows.images(v * each, each);
  part.shape.groups = 1;
  return part;
}

/// Unit rows with a gradient: predictions.
template <class B>
class unit_rows {
 public:
  using real = typename B::real;

  unit_rows(B& backend, tensor<const real> x, int views)
      : backend_(&backend),
        views_(views), unit_{x.shape, take(x.size())}, gradient_{x.shape, take(x.size())},
        inverse_norms_(take(static_cast<std::size_t>(x.shape.images))) {
    backend.normalize_rows_forward(x.shape.images, x.shape.channels, x.data, unit_.data,
                                   inverse_norms_);
    backend.fill(gradient_.data, gradient_.size(), real(0));
  }

  /// Views are counted from 0.
  [[nodiscard]] tensor<const real> view(int v) const {
    return view_of(tensor<const real>(unit_), views_, v);
  }
  /// Where a loss adds dL/du of a view.
  [[nodiscard]] real* gradient(int v) const { return view_of(gradient_, views_, v).data; }

  /// dL/dx of all views, from what the losses have added.
  [[nodiscard]] tensor<real> backward() const {
    const tensor<real> dx{unit_.shape, take(unit_.size())};
    backend_->fill(dx.data, dx.size(), real(0));
    backend_->normalize_rows_backward(unit_.shape.images, unit_.shape.channels, unit_.data,
                                      inverse_norms_, gradient_.data, real(1), dx.data);
    return dx;
  }

 private:
  [[nodiscard]] real* take(std::size_t n) const { return backend_->arena().template take<real>(n); }

  B* backend_;
  int views_;
  tensor<real> unit_, gradient_;
  real* inverse_norms_;
};

}  // namespace triptych::method
