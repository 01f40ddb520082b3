// triptych/memory/queue.hpp
//
// The queue of past projections in which positives are looked up, or which are the negatives: K
// unit vectors of P numbers, a ring that takes any batch size.
//
// A batch must be compared before it enters, or every vector finds itself. So there is no `push` on
// the queue: `look_up` and `look` return a `reading`, and only a reading can push, once, ending
// itself.
//
//   auto reading = queue.look_up(z);            // z (n, P), unit rows
//   use(reading.neighbors, reading.indices);   // (n, P) and their positions
//   std::move(reading).push(rows);              // (m, P), unit rows
//
// Sources: He et al., "Momentum contrast" (MoCo, 2020), for the queue; Dwibedi et al., "With a
// little help from my friends" (NNCLR, 2021), for the neighbors; method.md section 2.
// Cost: one product n x K x P and one pass over its n x K results, of several neighbors one each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/options.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::memory {

/// Rows that a queue may be asked to have.
inline constexpr allowed::range queue_sizes{1, std::int64_t{1} << 32};

/// Functor of row i: takes the row of the queue that it has found out of its cosines, so that the
/// next look finds another. cosines (n, K), found (n).
template <class T>
struct struck_out {
  const int* found;
  std::int64_t columns;
  T* cosines;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    cosines[static_cast<std::int64_t>(i) * columns + found[i]] = T(-2);  // below every cosine
  }
};

template <class B>
class queue {
 public:
  using real = typename B::real;

  queue(B& backend, std::int64_t size, int features)
      : backend_(&backend), size_(size), features_(features),
        rows_(numbers_of(size, features), "the queue") {
    backend_->fill(rows_.data(), rows_.size(), real(0));
  }

  /// Random unit vectors (method.md section 2: the queue's start).
  void initialize(std::uint64_t seed) {
    std::vector<real> values(rows_.size());
    for (std::int64_t r = 0; r < size_; ++r) {
      random_stream random(seed, stream::queue, static_cast<std::uint32_t>(r));
      for (int c = 0; c < features_; ++c) {
        values[static_cast<std::size_t>(r * features_ + c)] = static_cast<real>(random.normal());
      }
    }
    backend_->upload(values.data(), values.size(), rows_.data());
    const arena_frame scope(backend_->arena());
    real* unit = backend_->arena().template take<real>(rows_.size());
    real* norms = backend_->arena().template take<real>(static_cast<std::size_t>(size_));
    backend_->normalize_rows_forward(size_, features_, rows_.data(), unit, norms);
    backend_->copy(unit, rows_.size(), rows_.data());
    head_ = 0;
    pushed_ = 0;
  }

  /// What a look-up found; lives in the arena of the running step.
  class reading {
   public:
    tensor<const real> rows;       ///< (K, P), the queue as it is until the push
    tensor<const real> neighbors;  ///< (n, P), unit rows; empty after `look`
    const int* indices;            ///< (n), positions in the queue, in backend memory

    /// Overwrites the oldest rows with `unit_rows` (m, P), m <= K, and ends the reading. On several
    /// ranks with those of all, each group's in the order of ranks.
    void push(tensor<const real> unit_rows) && {
      if (owner_ == nullptr) {
        throw error::usage("queue: this reading has pushed or moved away; look up again");
      }
      std::exchange(owner_, nullptr)->overwrite(unit_rows);
    }

    reading(reading&& other) noexcept
        : rows(other.rows), neighbors(other.neighbors), indices(other.indices),
          owner_(std::exchange(other.owner_, nullptr)) {}
    reading& operator=(reading&&) = delete;

   private:
    friend queue;
    reading(queue& owner, tensor<const real> found, const int* at)
        : rows{triptych::features(owner.size_, owner.features_), owner.rows_.data()},
          neighbors(found), indices(at), owner_(&owner) {}
    queue* owner_;
  };

  /// The queue itself: MoCo's negatives.
  [[nodiscard]] reading look() { return {*this, {}, nullptr}; }

  /// The next look-up answers with these positions (n) instead of the nearest: for a comparison
  /// with a step elsewhere, where another rounding must not make another choice.
  void impose(std::vector<int> positions) { imposed_ = std::move(positions); }

  /// The nearest row by cosine of every row of `unit_rows` (n, P); ties: the lowest position.
  [[nodiscard]] reading look_up(tensor<const real> unit_rows) {
    return look_up(unit_rows, 1, [](real*, const int*) {});
  }

  /// The `count` nearest of every row, the nearest first: neighbors (count n, P), those of rank 1
  /// of all rows before those of rank 2.
  [[nodiscard]] reading look_up(tensor<const real> unit_rows, int count) {
    if (count < 1 || count > size_) {
      throw error::usage("queue: " + std::to_string(count) + " neighbors among " +
                         std::to_string(size_) + " rows; ask for at least 1, or raise `queue`");
    }
    const std::int64_t n = unit_rows.shape.images;
    return look_up(unit_rows, count, [&](real* cosines, const int* found) {
      backend_->each(static_cast<std::size_t>(n), struck_out<real>{found, size_, cosines});
    });
  }

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] int features() const { return features_; }
  [[nodiscard]] std::int64_t head() const { return head_; }      ///< where the next row goes
  [[nodiscard]] std::int64_t pushed() const { return pushed_; }  ///< rows since the start
  [[nodiscard]] real* data() { return rows_.data(); }
  [[nodiscard]] std::size_t numbers() const { return rows_.size(); }

  /// Continues a saved queue; its rows are written through data(). Throws error::checkpoint for a
  /// position that no queue of this size can have.
  void restore(std::int64_t head, std::int64_t pushed) {
    if (head < 0 || head >= size_) {
      throw error::checkpoint("queue: saved position " + std::to_string(head) +
                              " lies outside a queue of " + std::to_string(size_) +
                              " rows; resume from another checkpoint");
    }
    constexpr std::int64_t most = std::int64_t{1} << 62;  // no run gets through the other half
    if (pushed < 0 || pushed > most || pushed % size_ != head) {
      throw error::checkpoint("queue: after " + std::to_string(pushed) + " rows a queue of " +
                              std::to_string(size_) + " is not at position " +
                              std::to_string(head) + "; resume from another checkpoint");
    }
    head_ = head;
    pushed_ = pushed;
  }

 private:
  /// `next(cosines, found)` is called between one rank and the next.
  template <class Next>
  reading look_up(tensor<const real> unit_rows, int count, const Next& next) {
    const std::int64_t n = unit_rows.shape.images, wanted = n * count;
    if (unit_rows.shape.channels != features_) {
      throw error::usage("queue: look-up of " + to_string(unit_rows.shape) + " in rows of " +
                         std::to_string(features_) + " features; give projections of that size");
    }
    auto& arena = backend_->arena();
    const shape found_shape = triptych::features(wanted, features_);
    real* found = arena.template take<real>(found_shape.size());
    int* indices = arena.template take<int>(static_cast<std::size_t>(wanted));
    const arena_frame scope(arena);
    if (imposed_.empty()) {
      real* cosines = arena.template take<real>(static_cast<std::size_t>(n * size_));
      backend_->gemm(transpose::no, transpose::yes, n, size_, features_, real(1), unit_rows.data,
                     rows_.data(), real(0), cosines);
      for (int rank = 0; rank < count; ++rank) {
        if (rank > 0) next(cosines, indices + (rank - 1) * n);
        backend_->argmax_rows(n, size_, cosines, indices + rank * n);
      }
    } else {
      answer_as_told(wanted, indices);
    }
    backend_->gather_rows(rows_.data(), indices, wanted, features_, found);
    return {*this, {found_shape, found}, indices};
  }

  static std::size_t numbers_of(std::int64_t size, int features) {
    if (size < 1) throw error::usage("queue: a queue needs at least one row; raise `queue`");
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(features);
  }

  void answer_as_told(std::int64_t n, int* indices) {
    const auto told = std::exchange(imposed_, {});
    const bool inside =
        std::all_of(told.begin(), told.end(), [this](int at) { return at >= 0 && at < size_; });
    if (static_cast<std::int64_t>(told.size()) != n || !inside) {
      throw error::usage("queue: " + std::to_string(told.size()) +
                         " positions were imposed on a look-up of " + std::to_string(n) +
                         " rows among " + std::to_string(size_) +
                         "; give one for each row, counted from 0");
    }
    backend_->upload_indices(told.data(), told.size(), indices);
  }

  /// Rows of all ranks enter in their order, so that every rank has the same queue.
  void overwrite(tensor<const real> own) {
    const arena_frame scope(backend_->arena());
    const auto rows = ranks::gathered(*backend_, own);
    const std::int64_t n = rows.shape.images;
    if (rows.shape.channels != features_ || n > size_) {
      throw error::usage("queue: " + to_string(rows.shape) + " does not fit a queue of " +
                         std::to_string(size_) + " rows of " + std::to_string(features_) +
                         " features; raise `queue` or lower `batch`");
    }
    const std::int64_t first = std::min(n, size_ - head_);  // rows before the ring's end
    const auto width = static_cast<std::size_t>(features_);
    backend_->commit(rows.data, static_cast<std::size_t>(first) * width,
                     rows_.data() + static_cast<std::size_t>(head_) * width);
    backend_->commit(rows.data + static_cast<std::size_t>(first) * width,
                     static_cast<std::size_t>(n - first) * width, rows_.data());
    head_ = (head_ + n) % size_;
    pushed_ += n;
  }

  B* backend_;
  std::int64_t size_;
  int features_;
  buffer<real, typename B::allocator> rows_;
  std::int64_t head_ = 0, pushed_ = 0;
  std::vector<int> imposed_;  ///< on the next look-up; none: it finds the nearest
};

}  // namespace triptych::memory
