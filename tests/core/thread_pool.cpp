#include <triptych/core/thread_pool.hpp>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

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
