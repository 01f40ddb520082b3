#include "triptych/devices/ranks.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include <triptych/comm/threads.hpp>
#if TRIPTYCH_HAS_MPI
#include <triptych/comm/mpi.hpp>
#endif
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::app {

namespace {

/// An equal share of this machine's threads, unless a number was asked for.
int share_of(int threads, int ranks_here) {
  if (threads > 0 || ranks_here == 1) return threads;
  return std::max(1, thread_pool::threads_of(0) / ranks_here);
}

#if TRIPTYCH_HAS_MPI

bool among_others() {
  int begun = 0, ended = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&ended);
  return begun != 0 && ended == 0;
}

int ranks_on_this_host() {
  MPI_Comm here = MPI_COMM_NULL;
  int count = 1;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
  MPI_Comm_size(here, &count);
  MPI_Comm_free(&here);
  return count;
}

void as_process(const launched& process, const train_options& options,
                const std::function<void(comm::any&, int)>& work) {
  int level = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  int rank = 0;
  {
    comm::mpi all;
    rank = all.rank();
    if (all.size() != process.size) {
      throw error::usage(
          process.by + " says that this is one of " + std::to_string(process.size) +
          " processes, and MPI knows " + std::to_string(all.size()) +
          "; start it by the mpirun of the MPI that it was built with (srun: "
          "--mpi=pmix), or give --launcher none for runs that do not belong together");
    }
    comm::any own(all);
    work(own, share_of(options.threads, ranks_on_this_host()));
  }
  MPI_Finalize();
  if (rank > 0) std::exit(0);
}

#else

void as_process(const launched& process, const train_options& /*options*/,
                const std::function<void(comm::any&, int)>& /*work*/) {
  throw error::usage(process.by + " says that this is one of " + std::to_string(process.size) +
                     " processes, and this build has no MPI; build with -DTRIPTYCH_WITH_MPI=ON, or "
                     "give --launcher none for runs that do not belong together");
}

#endif

}  // namespace

std::optional<launched> launched_for(const train_options& options) {
  return options.launcher == choice::launcher::automatic ? launched_here() : std::nullopt;
}

void on_ranks(const train_options& options, const std::function<void(comm::any&, int)>& work) {
  if (const auto process = launched_for(options)) return as_process(*process, options, work);
  if (options.ranks == 1) {
    comm::any alone;
    return work(alone, options.threads);
  }
  comm::on_threads(options.ranks, [&](comm::threads& own) {
    comm::any rank(own);
    work(rank, share_of(options.threads, options.ranks));
  });
}

int own_rank(const train_options& options) {
  const auto process = launched_for(options);
  return process ? process->rank : 0;
}

std::string mpi_library() {
#if TRIPTYCH_HAS_MPI
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string all = text;  // "Open MPI v4.1.4, package: ..."
  return all.substr(0, all.find_first_of(",\n"));
#else
  return {};
#endif
}

void end_all_ranks(int code) {
#if TRIPTYCH_HAS_MPI
  if (among_others()) MPI_Abort(MPI_COMM_WORLD, code);
#else
  static_cast<void>(code);
#endif
}

}  // namespace triptych::app
