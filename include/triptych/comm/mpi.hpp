// triptych/comm/mpi.hpp
//
// Ranks as processes that a launcher of MPI has started:
//
//   mpirun -n 4 --bind-to none ./train
//
//   MPI_Init(&argc, &argv);
//   comm::mpi ranks;
//   backend::distributed<backend::eigen<>, comm::mpi> backend(ranks);
//
// Needs an MPI library (CMake: TRIPTYCH_WITH_MPI); written with Open MPI 4.1. MPI leaves it open in
// which order a sum is made. Here a rank adds up its part of the numbers in the order of a binary
// tree, as comm::threads does: the same bits in every run, and on threads.
#pragma once

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1  // the C++ interface, which MPI has given up
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include <triptych/comm/tree_adder.hpp>
#include <triptych/core/error.hpp>

namespace triptych::comm {

class mpi {
 public:
  /// A communicator of its own over the processes of `world`, all of which must make it. MPI must
  /// have been initialized, and not be finalized before this is gone.
  explicit mpi(MPI_Comm world = MPI_COMM_WORLD) {
    expect(MPI_Comm_dup(world, &comm_), "start");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  mpi(const mpi&) = delete;
  mpi& operator=(const mpi&) = delete;
  ~mpi() {
    // That is collective, and a rank that leaves by an exception leaves alone.
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  void gather(const void* from, std::size_t bytes, void* to) {
    const int n = counted(bytes);
    expect(MPI_Allgather(from, n, MPI_BYTE, to, n, MPI_BYTE, comm_), "gather");
  }
  void share(void* data, std::size_t bytes) {
    constexpr std::size_t most = std::size_t{1} << 30;  // MPI counts in int
    for (std::size_t begin = 0; begin < bytes; begin += most) {
      expect(MPI_Bcast(static_cast<std::byte*>(data) + begin,
                       counted(std::min(most, bytes - begin)), MPI_BYTE, 0, comm_),
             "share");
    }
  }
  void sum(float* x, std::size_t n) { sum_of(x, n, MPI_FLOAT); }
  void sum(double* x, std::size_t n) { sum_of(x, n, MPI_DOUBLE); }

 private:
  void expect(int code, const char* what) const {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw error::runtime("the ranks could not " + std::string(what) + ": " + text +
                         "; see what the others said, and resume from the last checkpoint");
  }

  /// As MPI counts.
  static int counted(std::size_t n) {
    if (n <= INT_MAX) return static_cast<int>(n);
    throw error::usage(std::to_string(n) + " at once are more than MPI counts; lower "
                                           "`batch` or take a smaller network");
  }

  /// Each rank gets all ranks' numbers of its part and adds them up; then all collect the parts.
  template <class T>
  void sum_of(T* x, std::size_t n, MPI_Datatype type) {
    if (size_ == 1) return;
    std::vector<int> counts, starts;
    for (int r = 0, begin = 0; r < size_; ++r) {
      counts.push_back(counted(n) / size_ + (r < counted(n) % size_ ? 1 : 0));
      starts.push_back(begin);
      begin += counts.back();
    }
    const auto own = static_cast<std::size_t>(rank_);
    const auto count = static_cast<std::size_t>(counts[own]);
    const std::vector<int> same(counts.size(), counts[own]);
    std::vector<int> places;
    for (int r = 0; r < size_; ++r) places.push_back(r * counts[own]);

    scratch_.resize(std::max(scratch_.size(), count * counts.size() * sizeof(T)));
    T* const shown = reinterpret_cast<T*>(scratch_.data());
    expect(MPI_Alltoallv(x, counts.data(), starts.data(), type, shown, same.data(), places.data(),
                         type, comm_),
           "sum");
    tree_adder<T>(counts.size())
        .add(
            count, [&](std::size_t r) { return shown + r * count; }, x + starts[own]);
    expect(MPI_Allgatherv(MPI_IN_PLACE, 0, type, x, counts.data(), starts.data(), type, comm_),
           "sum");
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::vector<std::byte> scratch_;  ///< of sums
};

}  // namespace triptych::comm
