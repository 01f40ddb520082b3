// triptych/comm/communicator.hpp
//
// What the ranks of a run say to each other. A rank is a process, or a thread that stands for one;
// ranks are numbered from 0, and all of them run the same program on parts of the same batches.
//
//   comm::self      one rank: nothing is said
//   comm::threads   ranks as threads of one process
//   comm::mpi       processes that a launcher of MPI has started
//   comm::any       one of these, chosen when the program runs
//
// An operation is collective: every rank calls it, all in the same order and with the same sizes,
// and it returns on each when its result is there. error::runtime where a rank has left.
#pragma once

#include <concepts>
#include <cstddef>

#include <triptych/config.hpp>

namespace triptych {

template <class C>
concept Communicator = requires(C& c, const C& constant, const void* from, std::size_t n, void* to,
                                float* f, double* d) {
  { constant.rank() } -> std::same_as<int>;  // 0 ... size() - 1
  { constant.size() } -> std::same_as<int>;
  c.gather(from, n, to);  // n bytes of every rank, in the order of ranks: to holds n size()
  c.share(to, n);         // n bytes of rank 0 for all
  c.sum(f, n);            // n numbers in place, summed over ranks: the same bits on all of them
  c.sum(d, n);
};

}  // namespace triptych
