// triptych/comm/threads.hpp
//
// Ranks as threads of one process: what several processes would do, without a launcher and where
// sanitizers see it.
//
//   comm::on_threads(4, [](comm::threads& ranks) {
//     backend::distributed<backend::eigen<>, comm::threads> backend(ranks, 1);
//     ...
//   });
//
// Sums over ranks are made in the order of a binary tree: ((0 + 1) + (2 + 3)) + ...
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::comm {

class threads {
 public:
  threads(const threads&) = delete;
  threads& operator=(const threads&) = delete;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return static_cast<int>(shared_->places.size()); }

  void gather(const void* from, std::size_t bytes, void* to) {
    show({from, bytes});
    for (std::size_t r = 0; r < shared_->places.size(); ++r) {
      std::memcpy(static_cast<std::byte*>(to) + r * bytes, shared_->places[r].data, bytes);
    }
    meet();  // nobody writes over what another has still to read
  }
  void sum(float* x, std::size_t n) { sum_of(x, n); }
  void sum(double* x, std::size_t n) { sum_of(x, n); }

 private:
  template <class Work>
  friend void on_threads(int, const Work&);

  /// What a rank shows to the others.
  struct place {
    const void* data = nullptr;
    std::size_t bytes = 0;
  };
  struct group {
    explicit group(int size) : places(static_cast<std::size_t>(size)) {}

    std::vector<place> places;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t arrived = 0;
    std::uint64_t meetings = 0;
    int gone = -1;             ///< the first rank that has left, if one has
    std::exception_ptr cause;  ///< of the first that something was thrown on
  };

  threads(group& shared, int rank) : shared_(&shared), rank_(rank) {}

  /// Returns when all ranks have come here.
  void meet() {
    std::unique_lock lock(shared_->mutex);
    const std::uint64_t meeting = shared_->meetings;
    if (shared_->gone < 0 && ++shared_->arrived == shared_->places.size()) {
      shared_->arrived = 0;
      ++shared_->meetings;
      shared_->changed.notify_all();
      return;
    }
    shared_->changed.wait(lock, [&] { return shared_->meetings != meeting || shared_->gone >= 0; });
    if (shared_->meetings != meeting) return;
    throw error::runtime("rank " + std::to_string(shared_->gone) + " has left, and rank " +
                         std::to_string(rank_) + " cannot go on without it; see what it said");
  }

  /// Shows a place to all ranks and returns when theirs can be seen.
  void show(place mine) {
    shared_->places[static_cast<std::size_t>(rank_)] = mine;
    meet();
    for (const place& other : shared_->places) {
      if (other.bytes == mine.bytes) continue;
      throw error::usage("ranks exchange " + std::to_string(mine.bytes) + " and " +
                         std::to_string(other.bytes) +
                         " bytes at once; let all of them do the same in the same order");
    }
  }

  /// Each rank adds up its part of the numbers, and all collect the parts.
  template <class T>
  void sum_of(T* x, std::size_t n) {
    const auto ranks = shared_->places.size(), own = static_cast<std::size_t>(rank_);
    const auto begin = [&](std::size_t r) { return n / ranks * r + std::min(r, n % ranks); };
    show({x, n * sizeof(T)});
    const std::size_t first = begin(own), count = begin(own + 1) - first;
    std::vector<T> added(count);
    add_up(first, count, added.data());
    meet();
    show({added.data(), 0});
    for (std::size_t r = 0; r < ranks; ++r) {
      std::copy_n(static_cast<const T*>(shared_->places[r].data), begin(r + 1) - begin(r),
                  x + begin(r));
    }
    meet();
  }

  /// y = the sum of all ranks' numbers first ... first + n - 1.
  template <class T>
  void add_up(std::size_t first, std::size_t n, T* y) const {
    constexpr std::size_t block = 1024;
    const std::size_t ranks = shared_->places.size();
    std::vector<std::array<T, block>> parts(ranks);
    for (std::size_t begin = 0; begin < n; begin += block) {
      const std::size_t count = std::min(block, n - begin);
      for (std::size_t r = 0; r < ranks; ++r) {
        std::copy_n(static_cast<const T*>(shared_->places[r].data) + first + begin, count,
                    parts[r].data());
      }
      for (std::size_t half = 1; half < ranks; half *= 2) {
        for (std::size_t r = 0; r + half < ranks; r += 2 * half) {
          for (std::size_t i = 0; i < count; ++i) parts[r][i] += parts[r + half][i];
        }
      }
      std::copy_n(parts[0].data(), count, y + begin);
    }
  }

  group* shared_;
  int rank_;
};

/// work(ranks) on `size` threads, a rank each. Where one throws, the others' next collective
/// operation does, and what it threw is thrown here.
template <class Work>
void on_threads(int size, const Work& work) {
  if (size < 1) {
    throw error::usage(std::to_string(size) + " ranks can do nothing; ask for at least 1");
  }
  threads::group shared(size);
  const auto leave = [&](int rank, std::exception_ptr cause) {
    const std::lock_guard lock(shared.mutex);
    if (cause && !shared.cause) shared.cause = std::move(cause);
    if (shared.gone < 0) shared.gone = rank;
    shared.changed.notify_all();
  };
  const auto as_rank = [&](int rank) {
    std::exception_ptr cause;
    try {
      threads own(shared, rank);
      work(own);
    } catch (...) {
      cause = std::current_exception();
    }
    leave(rank, std::move(cause));
  };
  std::vector<std::thread> others;
  int rank = 1;
  try {
    for (; rank < size; ++rank) {
      others.push_back(start_thread("rank " + std::to_string(rank), [&, rank] { as_rank(rank); }));
    }
    as_rank(0);
  } catch (...) {  // that rank could not be started
    leave(rank, std::current_exception());
  }
  for (auto& thread : others) thread.join();
  if (shared.cause) std::rethrow_exception(shared.cause);
}

}  // namespace triptych::comm
