// triptych/concepts/distributed_backend.hpp
//
// A backend that is one of several ranks (comm/communicator.hpp), each with its part of every batch:
// rows r N/R ... (r + 1) N/R - 1 of the N rows of a view are those of rank r of R. What a step asks
// of the others is in comm/ranks.hpp; elsewhere a backend is alone.
#pragma once

#include <concepts>
#include <cstddef>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/operands.hpp>

namespace triptych {

// clang-format off
template <class B>
concept DistributedBackend = Backend<B> && requires(
    B& b, const B& constant, std::size_t n, typename B::real* x, const typename B::real* cx,
    moment* m, const moment* cm, double* d, const double* cd, int* i, const int* ci, void* host) {
  { constant.rank() } -> std::same_as<int>;
  { constant.ranks() } -> std::same_as<int>;
  b.gather(cx, n, x);  // n numbers of every rank, in the order of ranks: n ranks() numbers
  b.gather(cm, n, m);
  b.gather(cd, n, d);
  b.gather(ci, n, i);
  b.share(x, n);       // n numbers of rank 0 for all
  b.share(host, n);    // n bytes of the host's memory likewise
  b.sum(x, n);         // n numbers in place, summed over ranks: the same bits on all of them
};
// clang-format on

}  // namespace triptych
