// triptych/train/queue_labels.hpp
//
// The labels of a queue's rows: for the log alone, never for training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <triptych/memory/queue.hpp>
#include <triptych/train/monitor.hpp>

namespace triptych::train {

/// Of no rows where a method has no queue.
template <class B>
class queue_labels {
 public:
  explicit queue_labels(const memory::queue<B>* queue) : queue_(queue) {
    if (queue != nullptr) rows_.assign(static_cast<std::size_t>(queue->size()), -1);
  }

  /// -1 where unknown: part of a checkpoint.
  [[nodiscard]] std::vector<std::int32_t>& rows() { return rows_; }

  /// The queue as a step found it that has pushed `pushed` rows into it, before `push`.
  [[nodiscard]] seen_queue before(std::int64_t pushed) const {
    if (queue_ == nullptr) return {};
    const std::int64_t size = queue_->size();
    return {size, first(pushed) % size, queue_->pushed() - pushed, pushed, rows_};
  }

  /// Labels the rows that a step has pushed: images of one view after those of another.
  void push(std::int64_t pushed, std::span<const std::int32_t> batch) {
    if (queue_ == nullptr) return;
    for (std::int64_t i = 0; i < pushed; ++i) {
      rows_[static_cast<std::size_t>((first(pushed) + i) % queue_->size())] =
          batch[static_cast<std::size_t>(i) % batch.size()];
    }
  }

 private:
  [[nodiscard]] std::int64_t first(std::int64_t pushed) const {
    return queue_->head() - pushed + queue_->size();
  }

  const memory::queue<B>* queue_;
  std::vector<std::int32_t> rows_;
};

}  // namespace triptych::train
