// triptych/core/thread_pool.hpp
//
// A fixed set of threads that share out numbered tasks. Which thread runs which task is left to
// chance; what a task computes must therefore depend on its number alone, and partitions on shapes
// alone: that is how the library gives the same bits for any number of threads.
//
// A training step is some hundred runs that follow each other within microseconds: how a thread
// waits for the next is in core/await_change.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych {

/// How a thread is started; tests put in its place what fails.
inline constexpr auto start_std_thread = [](auto work) { return std::thread(std::move(work)); };

/// Starts a thread that runs `work()`, to be joined by the caller. Where the system has none left:
/// error::memory, which calls it `which`.
template <class Work, class Start = decltype(start_std_thread)>
std::thread start_thread(const std::string& which, Work work,
                         const Start& start = start_std_thread) {
  try {
    return start(std::move(work));
  } catch (const std::system_error& failure) {
    throw error::memory("cannot start " + which + ": " + failure.code().message() +
                        "; use `threads` 1 unless it is so already, or raise the limits on "
                        "processes (ulimit -u) and on memory (ulimit -v)");
  }
}

class thread_pool {
 public:
  /// `threads` >= 1 counts the calling thread; 0 means one per hardware thread. error::memory where
  /// one of them cannot be started.
  explicit thread_pool(int threads = 0);

  /// The same with a `start` of the caller's, see start_thread().
  template <class Start>
  thread_pool(int threads, const Start& start) {
    threads = threads_of(threads);
    try {
      workers_.reserve(static_cast<std::size_t>(threads) - 1);
      for (int i = 1; i < threads; ++i) {
        workers_.push_back(start_thread(
            "thread " + std::to_string(i + 1) + " of " + std::to_string(threads),
            [this] { work(); }, start));
      }
    } catch (...) {  // those that run already wait for work, and for them to end is waited for
      dismiss();
      throw;
    }
  }

  /// How many threads a pool of that argument has.
  static int threads_of(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    return threads < 1 ? 1 : threads;
  }

  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  ~thread_pool();

  [[nodiscard]] int size() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  /// Runs task(0) ... task(count - 1), each exactly once, and returns when all have ended. The
  /// first exception thrown by a task is thrown again here. Not reentrant: a task must not call
  /// `run`, and a pool serves one caller at a time.
  template <class Task>
  void run(std::int64_t count, const Task& task) {
    if (count <= 0) return;
    if (workers_.empty() || count == 1) {
      for (std::int64_t i = 0; i < count; ++i) task(i);
      return;
    }
    share(
        count, [](const void* t, std::int64_t i) { (*static_cast<const Task*>(t))(i); }, &task);
  }

 private:
  struct job;

  /// Runs call(task, 0) ... call(task, count - 1) on all threads.
  void share(std::int64_t count, void (*call)(const void*, std::int64_t), const void* task);

  /// What a worker does until it is dismissed.
  void work();

  /// Asks the workers to end and waits until they have.
  void dismiss();

  std::atomic<std::uint32_t> generation_{0};  ///< counts runs, and the dismissal
  std::atomic<job*> job_{nullptr};
  std::atomic<std::uint32_t> active_{0};  ///< workers that may hold the job
  std::atomic<bool> dismissed_{false};
  std::vector<std::thread> workers_;
};

}  // namespace triptych

#ifndef TRIPTYCH_COMPILED
#include <triptych/core/thread_pool_inl.hpp>
#endif
