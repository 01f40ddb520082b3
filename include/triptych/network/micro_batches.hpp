// triptych/network/micro_batches.hpp
//
// A batch taken apart for less memory: of each of its runs of n rows (a view, or a subset of its
// patches) a part at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/config.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych {

/// Which rows of every run of `run` rows.
struct micro_batch {
  std::int64_t run;
  int parts, part;

  [[nodiscard]] std::int64_t rows() const { return run / parts; }
  [[nodiscard]] std::int64_t first(std::int64_t of) const { return of * run + part * rows(); }
};

/// The part of `all`, copied into the arena; nothing of nothing.
template <class B, class T>
tensor<T> take_part(B& backend, tensor<T> all, const micro_batch& which) {
  if (all.data == nullptr) return {};
  const std::int64_t runs = all.shape.images / which.run;
  shape s = all.shape;
  s.images = runs * which.rows();
  auto* const copy = backend.arena().template take<std::remove_const_t<T>>(s.size());
  for (std::int64_t r = 0; r < runs; ++r) {
    const auto from = all.images(which.first(r), which.rows());
    backend.copy(from.data, from.size(), copy + static_cast<std::size_t>(r) * from.size());
  }
  return {s, copy};
}

/// And back, into the same places of `all`.
template <class B, class T>
void put_part(B& backend, tensor<const T> part, const micro_batch& which, tensor<T> all) {
  for (std::int64_t r = 0; r < all.shape.images / which.run; ++r) {
    const auto from = part.images(r * which.rows(), which.rows());
    backend.copy(from.data, from.size(), all.images(which.first(r), which.rows()).data);
  }
}

}  // namespace triptych
