// triptych/comm/ranks.hpp
//
// What a training step asks of the other ranks. On a backend that is not distributed
// (concepts/distributed_backend.hpp) there is one rank, and nothing of this costs anything. Where a
// distributed backend is the only rank, the results are the same, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/concepts/distributed_backend.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/over_ranks.hpp>

namespace triptych::ranks {

template <class B>
[[nodiscard]] int count(const B& backend) {
  if constexpr (DistributedBackend<B>) return backend.ranks();
  return 1;
}

/// Which of them this is.
template <class B>
[[nodiscard]] int own(const B& backend) {
  if constexpr (DistributedBackend<B>) return backend.rank();
  return 0;
}

/// The rows of all ranks, each group's in the order of ranks: (G n, ...) -> (G N, ...), N = n
/// count(). In the arena of the running step, or `rows` itself where there is one rank.
template <class B>
[[nodiscard]] tensor<const typename B::real> gathered(B& backend,
                                                      tensor<const typename B::real> rows) {
  if constexpr (DistributedBackend<B>) {
    if (backend.ranks() == 1) return rows;
    tensor<typename B::real> all{rows.shape, nullptr};
    all.shape.images *= backend.ranks();
    all.data = backend.arena().template take<typename B::real>(all.size());
    const std::size_t group = rows.size() / static_cast<std::size_t>(rows.shape.groups);
    const std::size_t ranks = static_cast<std::size_t>(backend.ranks());
    for (std::size_t g = 0; g < static_cast<std::size_t>(rows.shape.groups); ++g) {
      backend.gather(rows.data + g * group, group, all.data + g * group * ranks);
    }
    return all;
  }
  return rows;
}

/// The n indices of all ranks in their order, n count() of them, likewise.
template <class B>
[[nodiscard]] const int* gathered(B& backend, const int* indices, std::int64_t n) {
  if constexpr (DistributedBackend<B>) {
    if (backend.ranks() == 1) return indices;
    const auto own = static_cast<std::size_t>(n), ranks = static_cast<std::size_t>(backend.ranks());
    int* const all = backend.arena().template take<int>(own * ranks);
    backend.gather(indices, own, all);
    return all;
  }
  return indices;
}

/// This rank's rows among those of all.
template <class B, class T>
[[nodiscard]] tensor<T> own_rows(const B& backend, tensor<T> all) {
  const std::int64_t n = all.shape.images / count(backend);
  return all.images(own(backend) * n, n);
}

/// x, n numbers, becomes the sum over ranks.
template <class B>
void add_up(B& backend, typename B::real* x, std::size_t n) {
  if constexpr (DistributedBackend<B>) backend.sum(x, n);
}

/// What rank 0 has, bit by bit, on all.
template <class B, class T>
[[nodiscard]] T of_first(B& backend, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if constexpr (DistributedBackend<B>) backend.share(static_cast<void*>(&value), sizeof value);
  return value;
}

/// values, n numbers, become their means over ranks; NaN on all where one of them has closed its
/// gate, so that all close it.
template <class B>
void agree(B& backend, typename B::real* values, std::size_t n) {
  if constexpr (DistributedBackend<B>) {
    if (backend.ranks() == 1) return;
    backend.each(n, kernels::nan_unless_open<typename B::real>{backend.gate(), values});
    backend.sum(values, n);
    backend.scale(typename B::real(1) / static_cast<typename B::real>(backend.ranks()), n, values);
  }
}

}  // namespace triptych::ranks
