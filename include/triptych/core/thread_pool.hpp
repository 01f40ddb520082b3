// triptych/core/thread_pool.hpp
//
// A fixed set of threads that share out numbered tasks. Which thread runs which task is left to
// chance; what a task computes must therefore depend on its number alone, and partitions on shapes
// alone: that is how the library gives the same bits for any number of threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych {

/// How a thread is started; tests put in its place what fails.
inline constexpr auto start_jthread = [](auto work) { return std::jthread(std::move(work)); };

/// Starts a thread that runs `work(stop_token)`. Where the system has none left: error::memory, which
/// calls it `which`.
template <class Work, class Start = decltype(start_jthread)>
std::jthread start_thread(const std::string& which, Work work, const Start& start = start_jthread) {
  try {
    return start(std::move(work));
  } catch (const std::system_error& failure) {
    throw error::memory("cannot start " + which + ": " + failure.code().message() +
                        "; use --threads 1, which needs the fewest, or raise the limits on "
                        "processes (ulimit -u) and on memory (ulimit -v)");
  }
}

class thread_pool {
 public:
  /// `threads` >= 1 counts the calling thread; 0 means one per hardware thread. error::memory where
  /// one of them cannot be started.
  explicit thread_pool(int threads = 0) : thread_pool(threads, start_jthread) {}

  /// The same with a `start` of the caller's, see start_thread().
  template <class Start>
  thread_pool(int threads, const Start& start) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    if (threads < 1) threads = 1;
    try {
      workers_.reserve(static_cast<std::size_t>(threads) - 1);
      for (int i = 1; i < threads; ++i) {
        workers_.push_back(start_thread(
            "thread " + std::to_string(i + 1) + " of " + std::to_string(threads),
            [this](const std::stop_token& stop) { work(stop); }, start));
      }
    } catch (...) {  // those that run already wait for work, and for them to end is waited for
      dismiss();
      throw;
    }
  }

  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  ~thread_pool() { dismiss(); }

  [[nodiscard]] int size() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  /// Runs task(0) ... task(count - 1), each exactly once, and returns when all have ended. The first
  /// exception thrown by a task is thrown again here. Not reentrant: a task must not call `run`, and
  /// a pool serves one caller at a time.
  template <class Task>
  void run(std::int64_t count, const Task& task) {
    if (count <= 0) return;
    if (workers_.empty() || count == 1) {
      for (std::int64_t i = 0; i < count; ++i) task(i);
      return;
    }
    job local{[](const void* t, std::int64_t i) { (*static_cast<const Task*>(t))(i); }, &task,
              count};
    {
      const std::lock_guard lock(mutex_);
      job_ = &local;
      ++generation_;
    }
    wake_.notify_all();
    drain(local);
    {
      std::unique_lock lock(mutex_);
      job_ = nullptr;  // late wakers find nothing
      idle_.wait(lock, [this] { return active_ == 0; });
    }
    if (local.failure) std::rethrow_exception(local.failure);
  }

 private:
  struct job {
    void (*call)(const void*, std::int64_t);
    const void* task;
    std::int64_t count;
    std::atomic<std::int64_t> next{0};
    std::mutex failure_mutex{};
    std::exception_ptr failure{};
  };

  static void drain(job& j) {
    for (std::int64_t i; (i = j.next.fetch_add(1, std::memory_order_relaxed)) < j.count;) {
      try {
        j.call(j.task, i);
      } catch (...) {
        const std::lock_guard lock(j.failure_mutex);
        if (!j.failure) j.failure = std::current_exception();
        j.next.store(j.count, std::memory_order_relaxed);
      }
    }
  }

  /// Asks the workers to end; they are joined where `workers_` goes away.
  void dismiss() {
    for (auto& worker : workers_) worker.request_stop();
    {
      const std::lock_guard lock(mutex_);
      ++generation_;
    }
    wake_.notify_all();
  }

  void work(const std::stop_token& stop) {
    std::uint64_t seen = 0;
    for (;;) {
      job* mine = nullptr;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_ != seen; });
        seen = generation_;
        if (stop.stop_requested()) return;
        mine = job_;
        if (mine == nullptr) continue;
        ++active_;
      }
      drain(*mine);
      {
        const std::lock_guard lock(mutex_);
        --active_;
      }
      idle_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::uint64_t generation_ = 0;
  job* job_ = nullptr;
  int active_ = 0;
  std::vector<std::jthread> workers_;  // last: joined before the members above go away
};

}  // namespace triptych
