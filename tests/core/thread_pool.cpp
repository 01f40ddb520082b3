#include <triptych/core/thread_pool.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/thrown.hpp"

using triptych::thread_pool;

TEST_CASE("a pool runs every task once, whatever its size") {
  const int threads = GENERATE(1, 2, 3, 8);
  thread_pool pool(threads);
  CHECK(pool.size() == threads);
  for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
    pool.run(count, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
    for (const auto& r : runs) REQUIRE(r == 1);
  }
}

TEST_CASE("a negative count runs nothing") {
  thread_pool pool(2);
  pool.run(-1, [](std::int64_t) { FAIL(); });
}

TEST_CASE("a pool of zero threads takes one per hardware thread") {
  CHECK(thread_pool(0).size() >= 1);
  CHECK(thread_pool(0).size() == thread_pool().size());
}

TEST_CASE("thousands of small runs each end with all their tasks done") {
  const int threads = GENERATE(1, 2, 3, 8);
  thread_pool pool(threads);
  std::int64_t total = 0;
  for (int round = 0; round < 2000; ++round) {
    std::atomic<std::int64_t> sum = 0;  // on the stack: a late worker would write over the next one
    pool.run(round % 5, [&](std::int64_t i) { sum += i + 1; });
    total += sum;
  }
  CHECK(total == 400 * (0 + 1 + 3 + 6 + 10));
}

TEST_CASE("threads that have gone to sleep wake for a run, for its end and for the pool's end") {
  const auto past_looking = std::chrono::milliseconds(5);
  thread_pool pool(3);
  for (int round = 0; round < 10; ++round) {
    std::this_thread::sleep_for(past_looking);  // the workers sleep
    std::atomic<int> done{0};
    pool.run(3, [&](std::int64_t i) {
      if (i > 0) std::this_thread::sleep_for(past_looking);  // the caller sleeps
      ++done;
    });
    CHECK(done == 3);
  }
  std::this_thread::sleep_for(past_looking);
}

TEST_CASE("what the tasks wrote is there when run returns") {
  thread_pool pool(3);
  std::vector<int> plain(500, 0);
  for (int round = 1; round <= 50; ++round) {
    pool.run(500, [&](std::int64_t i) { plain[static_cast<std::size_t>(i)] += round; });
  }
  for (const int v : plain) REQUIRE(v == 50 * 51 / 2);
}

TEST_CASE("an exception of a task comes out of run, and the pool goes on") {
  const int threads = GENERATE(1, 2, 3, 8);
  thread_pool pool(threads);
  for (int round = 0; round < 20; ++round) {
    std::string caught;
    std::atomic<int> started = 0;
    try {
      pool.run(100, [&](std::int64_t i) {
        ++started;
        if (i == 30) throw std::runtime_error("task 30");
      });
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    CHECK(caught == "task 30");
    CHECK(started >= 31);  // tasks are taken in order
    std::atomic<int> after = 0;
    pool.run(10, [&](std::int64_t) { ++after; });
    CHECK(after == 10);
  }
}

TEST_CASE("one exception comes out where all tasks throw") {
  thread_pool pool(8);
  CHECK_THROWS_AS(pool.run(50, [](std::int64_t) { throw std::logic_error("no"); }),
                  std::logic_error);
}

TEST_CASE("a pool that cannot start a thread ends those begun and says which one it was") {
  for (const int failing : {1, 3, 7}) {
    std::atomic<int> begun = 0, ended = 0;
    const auto start = [&](auto work) {
      if (++begun == failing) {
        throw std::system_error(EAGAIN, std::generic_category());
      }
      return std::thread([&ended, work] {
        work();
        ++ended;
      });
    };
    const auto failure = thrown_by([&] { thread_pool(8, start); });
    CHECK(failure.kind == triptych::error_kind::memory);
    CHECK(failure.says("cannot start thread " + std::to_string(failing + 1) + " of 8: "));
    CHECK(failure.says("`threads` 1"));
    CHECK(ended == failing - 1);
  }
}

TEST_CASE("a pool for which memory runs out half-built does not wait for ever") {
  int begun = 0;
  const auto start = [&](auto work) {
    if (++begun == 3) throw std::bad_alloc();
    return std::thread(work);
  };
  CHECK_THROWS_AS(thread_pool(8, start), std::bad_alloc);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a pool larger than the address space has room for is an error") {
  CHECK(exit_code_of_child([] {
          ::alarm(60);  // ends a pool that hangs
          std::size_t pages = 0;
          std::ifstream("/proc/self/statm") >> pages;
          const rlim_t room = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (64 << 20);
          const rlimit limit{room, room};
          if (::setrlimit(RLIMIT_AS, &limit) != 0) throw std::runtime_error("no limit");
          thread_pool(512);
        }) == static_cast<int>(triptych::error_kind::memory));
}
#endif
