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
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/comm/tree_adder.hpp>
#include <triptych/core/await_change.hpp>
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
  void share(void* data, std::size_t bytes) {
    show({data, bytes});
    if (rank_ > 0) std::memcpy(data, shared_->places.front().data, bytes);
    meet();
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
  /// Thrown on the others when a rank has left: a consequence, not a cause.
  struct missed : error {
    using error::error;
  };
  struct group {
    explicit group(int size) : places(static_cast<std::size_t>(size)) {}

    std::vector<place> places;
    std::atomic<std::uint32_t> arrived{0};   ///< at the meeting that is to come
    std::atomic<std::uint32_t> meetings{0};  ///< that all have come to
    std::atomic<std::uint32_t> news{0};      ///< counts those, and ranks that have left
    std::atomic<int> gone{-1};               ///< the first rank that has left, if one has ...
    std::string why;                         ///< ... and what it said; written before that is set
    std::atomic<bool> leaving{false};

    void tell() {
      ++news;
      news.notify_all();
    }
  };

  threads(group& shared, int rank) : shared_(&shared), rank_(rank) {}

  /// Returns when all ranks have come here.
  void meet() {
    const std::uint32_t before = shared_->meetings;
    if (++shared_->arrived == shared_->places.size()) {
      shared_->arrived = 0;
      ++shared_->meetings;
      return shared_->tell();
    }
    for (;;) {
      const std::uint32_t heard = shared_->news;
      if (shared_->meetings != before) return;
      if (const int gone = shared_->gone; gone >= 0) {
        throw missed(error_kind::runtime, "rank " + std::to_string(gone) + " has left, and rank " +
                                              std::to_string(rank_) +
                                              " cannot go on without it: " + shared_->why);
      }
      await_change(shared_->news, heard);
    }
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
    if (size() == 1) return;
    const auto ranks = shared_->places.size(), own = static_cast<std::size_t>(rank_);
    const auto begin = [&](std::size_t r) { return n / ranks * r + std::min(r, n % ranks); };
    const std::size_t first = begin(own), count = begin(own + 1) - first;
    // Memory that has been touched before; and nothing may fail while others read what is here.
    scratch_.resize(std::max(scratch_.size(), count * sizeof(T)));
    tree_adder<T> adder(ranks);
    T* const added = reinterpret_cast<T*>(scratch_.data());
    show({x, n * sizeof(T)});
    adder.add(
        count,
        [&](std::size_t r) { return static_cast<const T*>(shared_->places[r].data) + first; },
        added);
    meet();
    show({added, 0});
    for (std::size_t r = 0; r < ranks; ++r) {
      std::copy_n(static_cast<const T*>(shared_->places[r].data), begin(r + 1) - begin(r),
                  x + begin(r));
    }
    meet();
  }

  group* shared_;
  int rank_;
  std::vector<std::byte> scratch_;  ///< of sums
};

/// work(ranks) on `size` threads, a rank each. Where one throws, the others' next collective
/// operation does too; what is thrown here is the cause, of several that of the lowest rank.
template <class Work>
void on_threads(int size, const Work& work) {
  if (size < 1) {
    throw error::usage(std::to_string(size) + " ranks can do nothing; ask for at least 1");
  }
  threads::group shared(size);
  std::vector<std::exception_ptr> causes(static_cast<std::size_t>(size)), effects = causes;
  const auto leave = [&](int rank, const char* why) {
    if (!shared.leaving.exchange(true)) {
      shared.why = why;
      shared.gone = rank;
    }
    shared.tell();
  };
  const auto as_rank = [&](int rank) {
    const auto at = static_cast<std::size_t>(rank);
    try {
      threads own(shared, rank);
      work(own);
      leave(rank, "it had nothing left to do; let all ranks do the same");
    } catch (const threads::missed& e) {
      effects[at] = std::current_exception();
      leave(rank, e.what());
    } catch (const std::exception& e) {
      causes[at] = std::current_exception();
      leave(rank, e.what());
    } catch (...) {
      causes[at] = std::current_exception();
      leave(rank, "it failed");
    }
  };
  std::vector<std::thread> others;
  int rank = 1;
  try {
    for (; rank < size; ++rank) {
      others.push_back(start_thread("rank " + std::to_string(rank), [&, rank] { as_rank(rank); }));
    }
    as_rank(0);
  } catch (...) {  // that rank could not be started
    causes[static_cast<std::size_t>(rank)] = std::current_exception();
    leave(rank, "it could not be started");
  }
  for (auto& thread : others) thread.join();
  for (const auto& list : {causes, effects}) {
    for (const auto& thrown : list) {
      if (thrown) std::rethrow_exception(thrown);
    }
  }
}

}  // namespace triptych::comm
