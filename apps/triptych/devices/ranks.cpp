#include "triptych/devices/ranks.hpp"

#include <algorithm>

#include <triptych/comm/threads.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::app {

void on_ranks(int count, const std::function<void(comm::any&)>& work) {
  if (count == 1) {
    comm::any alone;
    return work(alone);
  }
  comm::on_threads(count, [&](comm::threads& own) {
    comm::any rank(own);
    work(rank);
  });
}

int threads_of_rank(int threads, int count) {
  if (threads > 0 || count == 1) return threads;
  return std::max(1, thread_pool::threads_of(0) / count);
}

}  // namespace triptych::app
