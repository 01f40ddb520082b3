// triptych/train/shared_state.hpp
//
// A run on several ranks begins where rank 0 is: what that one has read from a checkpoint or another
// file, the others get from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/method/learner.hpp>

namespace triptych::train {

/// Everything that a checkpoint holds of the method, as rank 0 has it, on all ranks. All call it, with
/// methods of the same networks and options. Cost: the state once through the communicator.
template <class B, class Architecture>
void share_state(method::learner<B, Architecture>& method) {
  if constexpr (DistributedBackend<B>) {
    auto& backend = method.backend();
    for (const auto& arena : method.arenas()) backend.share(arena.data, arena.list->size());
    std::vector<std::int64_t> counters = method.counters();
    for (std::int64_t& counter : counters) counter = ranks::of_first(backend, counter);
    method.restore_counters(counters);
  }
}

}  // namespace triptych::train
