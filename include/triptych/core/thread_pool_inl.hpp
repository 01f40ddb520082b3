// triptych/core/thread_pool_inl.hpp
//
// The bodies of thread_pool.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include <triptych/config.hpp>
#include <triptych/core/await_change.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych {

struct thread_pool::job {
  void (*call)(const void*, std::int64_t);
  const void* task;
  std::int64_t count;
  std::atomic<std::int64_t> next{0};
  std::mutex failure_mutex{};
  std::exception_ptr failure{};

  void drain() {
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      try {
        call(task, i);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
        next.store(count, std::memory_order_relaxed);
      }
    }
  }
};

TRIPTYCH_INLINE thread_pool::thread_pool(int threads) : thread_pool(threads, start_std_thread) {}

TRIPTYCH_INLINE thread_pool::~thread_pool() { dismiss(); }

// Who takes the job says so in active_ before it looks; who withdraws the job does that before it
// looks at active_. In a single order of all four, one of them sees the other.
TRIPTYCH_INLINE void thread_pool::share(std::int64_t count, void (*call)(const void*, std::int64_t),
                                        const void* task) {
  job local{call, task, count};
  job_ = &local;
  ++generation_;
  generation_.notify_all();
  local.drain();
  job_ = nullptr;  // late wakers find nothing
  while (const std::uint32_t busy = active_) await_change(active_, busy);
  if (local.failure) std::rethrow_exception(local.failure);
}

TRIPTYCH_INLINE void thread_pool::work() {
  std::uint32_t seen = 0;
  for (;;) {
    await_change(generation_, seen);
    seen = generation_;
    if (dismissed_) return;
    ++active_;
    if (job* const mine = job_) mine->drain();
    --active_;
    active_.notify_one();
  }
}

TRIPTYCH_INLINE void thread_pool::dismiss() {
  dismissed_ = true;
  ++generation_;
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

}  // namespace triptych
