// triptych/data/loader.hpp
//
// Endless training batches, made ahead of time by a background thread in a ring of reused buffers.
// A batch is a function of (set, recipes, sizes, seed, epoch, step): a loader that starts anywhere
// gives what a loader that arrived there gives.
//
// Shapes: images (V, N, S, S, 3), view-major, normalized; labels and samples (N). Where a device
// makes the images, a batch holds what was decided about them instead (`decide_only`).
// Every epoch shows the images in the order of shuffle(seed, epoch) and drops the incomplete last
// batch. Cost in the training thread: the wait, if any; nothing is allocated per batch.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>

namespace triptych::data {

/// Which batch: step counts within the epoch.
struct position {
  std::int64_t epoch = 0, step = 0;
  friend bool operator==(const position&, const position&) = default;
};

/// A part of every batch of N: rows index N / count ... (index + 1) N / count - 1.
struct part {
  int index = 0, count = 1;
};

struct batch {
  std::int64_t epoch = 0, step = 0;
  int views = 0, size = 0;            ///< V, N (of a part, as everything but the labels)
  std::vector<float> images;          ///< (V, N, S, S, 3); none where they are made elsewhere ...
  std::vector<augment::draw> draws;   ///< ... by these decisions (V, N)
  std::vector<std::int32_t> labels;   ///< of the whole batch
  std::vector<std::int64_t> samples;  ///< (N): indices into the set

  /// View v: (N, S, S, 3).
  [[nodiscard]] std::span<const float> view(int v) const {
    const std::size_t length = images.size() / static_cast<std::size_t>(views);
    return std::span(images).subspan(static_cast<std::size_t>(v) * length, length);
  }
};

/// What a loader needs besides the images.
struct loader_options {
  std::vector<augment::recipe> recipes;  ///< one per view
  int batch_size = 0;                    ///< of whole batches
  int image_size = 0;                    ///< side of a view; 0: the images' height
  std::uint64_t seed = 0;
  position start{};  ///< of the first batch; step = steps_per_epoch is the next epoch's first
  int threads = 1;   ///< that make views, the background thread among them
  bool decide_only = false;  ///< batches hold decisions about views and no images
  data::part part{};         ///< of every batch that is made; its count divides the batch size
};

class loader {
 public:
  /// Starts making batches; `set` must outlive the loader. error::usage for impossible options,
  /// error::memory where there is no thread for them.
  loader(const image_set& set, loader_options options);

  loader(const loader&) = delete;
  loader& operator=(const loader&) = delete;

  ~loader();

  [[nodiscard]] std::int64_t steps_per_epoch() const noexcept {
    return set_.size() / options_.batch_size;
  }

  /// The next batch; valid until the next call. Rethrows what stopped the background thread.
  const batch& next();

 private:
  // What the background thread does.
  void work();
  // b <- the batch at position_, which then moves on. Only the background thread comes here.
  void make(batch& b);

  const image_set& set_;
  loader_options options_;
  thread_pool pool_;

  // The background thread's own.
  position position_;
  std::vector<std::int64_t> order_;
  std::int64_t ordered_epoch_ = -1;

  // Shared: batch number n lives in ring_[n % 3]; those from taken_ on are the reader's.
  std::array<batch, 3> ring_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t made_ = 0, taken_ = 0;
  bool lent_ = false;
  std::exception_ptr failure_;
  std::atomic<bool> stopping_ = false;  // set under mutex_; read without it between images

  std::thread worker_;
};

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/loader_inl.hpp>
#endif
