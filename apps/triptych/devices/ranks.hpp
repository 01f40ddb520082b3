// apps/triptych/devices/ranks.hpp
//
// The ranks of a run. Rank 0 is the run that everybody sees: it reads, logs and writes; the others
// make the steps that it makes (train_run::follow).
#pragma once

#include <functional>

#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/distributed.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/comm/any.hpp>

namespace triptych::app {

/// The fast backend of the CPU, alone or one of several ranks.
using cpu_rank = backend::distributed<backend::eigen<convolution::any>, comm::any>;

/// work(ranks) on `count` ranks, which are threads of this process; on one, in the calling thread.
void on_ranks(int count, const std::function<void(comm::any&)>& work);

/// Threads of each of `count` ranks: as many as were asked for, 0 meaning an equal share of all.
int threads_of_rank(int threads, int count);

}  // namespace triptych::app
