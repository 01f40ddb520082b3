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

/// Has no rows where the method has no queue (null).
template <class B>
class queue_labels {
 public:
  explicit queue_labels(const memory::queue<B>* queue) : queue_(queue) {
    if (queue != nullptr) rows_.assign(static_cast<std::size_t>(queue->size()), -1);
  }

  /// -1 where unknown: part of a checkpoint.
  [[nodiscard]] std::vector<std::int32_t>& rows() { return rows_; }

  /// The queue as it was before the last step, which has pushed `pushed` rows. To be called before
  /// `push`.
  [[nodiscard]] seen_queue before(std::int64_t pushed) const {
    if (queue_ == nullptr) return {};
    const std::int64_t size = queue_->size();
    return {size, first(pushed) % size, queue_->pushed() - pushed, pushed, rows_};
  }

  /// Gives the rows that the last step has pushed their labels: they are the batch's images, one
  /// view after another.
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
