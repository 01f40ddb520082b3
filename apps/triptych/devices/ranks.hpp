// apps/triptych/devices/ranks.hpp
//
// The ranks of a run: threads of this process (--ranks), or processes that a launcher has started
// (launcher.hpp). Rank 0 is the run that everybody sees: it reads, logs and writes; the others make
// the steps that it makes (train_run::follow).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/distributed.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/comm/any.hpp>

#include "triptych/devices/launcher.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// The fast backend of the CPU, alone or one of several ranks.
using cpu_rank = backend::distributed<backend::eigen<convolution::any>, comm::any>;

/// work(ranks, threads) on every rank of the run, of this process those that it has: `threads` are
/// those of a rank, as many as were asked for or an equal share of the machine's. A process that is
/// another rank than 0 ends here, with the exit code 0.
void on_ranks(const train_options& options, const std::function<void(comm::any&, int)>& work);

/// Who has started this process as one of the ranks of a run, if a launcher has.
std::optional<launched> launched_for(const train_options& options);

/// The rank of this process, before anything of it runs: 0 but where a launcher counts otherwise.
int own_rank(const train_options& options);

/// The MPI library that this build has, as it calls itself; empty where there is none.
std::string mpi_library();

/// Ends all processes of a run with this exit code, where there are others; else returns.
void end_all_ranks(int code);

}  // namespace triptych::app
