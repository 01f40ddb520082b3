// triptych/backend/distributed.hpp
//
// A backend as one of several ranks: `B` computes, a communicator (comm/communicator.hpp) speaks to
// the other ranks. Its memory is the host's.
//
//   backend::distributed<backend::eigen<>, comm::threads> backend(ranks, 1);  // then what B takes
//
// Networks, methods and losses over it do on R ranks what they do on one with R times the batch:
// statistics, losses, gradients and the queue are those of all rows.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <triptych/comm/communicator.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>

namespace triptych::backend {

template <class B, Communicator C>
class distributed : public B {
  static_assert(Backend<B>, "B must be a backend; see docs/policies/backend.md");
  static_assert(std::same_as<typename B::allocator, host_allocator>,
                "a communicator reads and writes the host's memory, and B keeps its numbers "
                "elsewhere");

 public:
  using real = typename B::real;

  /// `communicator` must outlive this; the rest is what B takes.
  template <class... Arguments>
  requires std::constructible_from<B, Arguments...>
  explicit distributed(C& communicator, Arguments&&... arguments)
      : B(std::forward<Arguments>(arguments)...), communicator_(&communicator) {}

  [[nodiscard]] int rank() const { return communicator_->rank(); }
  [[nodiscard]] int ranks() const { return communicator_->size(); }

  template <class T>
  void gather(const T* x, std::size_t n, T* all) {
    communicator_->gather(x, n * sizeof(T), all);
  }
  void share(real* x, std::size_t n) { communicator_->share(x, n * sizeof(real)); }
  void share(void* host, std::size_t bytes) { communicator_->share(host, bytes); }
  void sum(real* x, std::size_t n) { communicator_->sum(x, n); }

 private:
  C* communicator_;
};

}  // namespace triptych::backend
