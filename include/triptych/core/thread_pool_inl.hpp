// triptych/core/thread_pool_inl.hpp
//
// The bodies of thread_pool.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include <triptych/config.hpp>
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

TRIPTYCH_INLINE void thread_pool::share(std::int64_t count, void (*call)(const void*, std::int64_t),
                                        const void* task) {
  job local{call, task, count};
  {
    const std::lock_guard lock(mutex_);
    job_ = &local;
    ++generation_;
  }
  wake_.notify_all();
  local.drain();
  {
    std::unique_lock lock(mutex_);
    job_ = nullptr;  // late wakers find nothing
    idle_.wait(lock, [this] { return active_ == 0; });
  }
  if (local.failure) std::rethrow_exception(local.failure);
}

TRIPTYCH_INLINE void thread_pool::work() {
  std::uint64_t seen = 0;
  for (;;) {
    job* mine = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return dismissed_ || generation_ != seen; });
      seen = generation_;
      if (dismissed_) return;
      mine = job_;
      if (mine == nullptr) continue;
      ++active_;
    }
    mine->drain();
    {
      const std::lock_guard lock(mutex_);
      --active_;
    }
    idle_.notify_one();
  }
}

TRIPTYCH_INLINE void thread_pool::dismiss() {
  {
    const std::lock_guard lock(mutex_);
    dismissed_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

}  // namespace triptych
