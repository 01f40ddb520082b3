// triptych/data/loader.hpp
//
// Endless training batches, made ahead of time by a background thread in a ring of reused buffers.
// A batch is a function of (set, recipes, sizes, seed, epoch, step): a loader that starts anywhere
// gives what a loader that arrived there gives.
//
// Shapes: images (V, N, S, S, 3), view-major, normalised; labels and samples (N). Where a device makes
// the images, a batch holds what was decided about them instead (`decide_only`).
// Every epoch shows the images in the order of shuffle(seed, epoch) and drops the incomplete last
// batch. Cost in the training thread: the wait, if any; nothing is allocated per batch.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/shuffle.hpp>

namespace triptych::data {

/// Which batch: step counts within the epoch.
struct position {
  std::int64_t epoch = 0, step = 0;
  friend bool operator==(const position&, const position&) = default;
};

struct batch {
  std::int64_t epoch = 0, step = 0;
  int views = 0, size = 0;            ///< V, N
  std::vector<float> images;          ///< (V, N, S, S, 3); none where they are made elsewhere ...
  std::vector<augment::draw> draws;   ///< ... by these decisions (V, N)
  std::vector<std::int32_t> labels;   ///< (N)
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
  int batch_size = 0;
  int image_size = 0;  ///< side of a view; 0: the images' height
  std::uint64_t seed = 0;
  position start{};  ///< of the first batch; step = steps_per_epoch is the next epoch's first
  int threads = 1;   ///< that make views, the background thread among them
  bool decide_only = false;  ///< batches hold decisions about views and no images
};

class loader {
 public:
  /// Starts making batches; `set` must outlive the loader. error::usage for impossible options,
  /// error::memory where there is no thread for them.
  loader(const image_set& set, loader_options options)
      : set_(set), options_(std::move(options)), pool_(check(set_, options_)),
        order_(static_cast<std::size_t>(set.size())) {
    if (options_.image_size == 0) options_.image_size = set.height;
    position_ = options_.start;
    if (position_.step == steps_per_epoch()) position_ = {position_.epoch + 1, 0};
    const auto size = static_cast<std::size_t>(options_.batch_size);
    const auto side = static_cast<std::size_t>(options_.image_size);
    for (batch& b : ring_) {
      b.views = static_cast<int>(options_.recipes.size());
      b.size = options_.batch_size;
      const std::size_t views = options_.recipes.size() * size;
      if (options_.decide_only) {
        b.draws.resize(views);
      } else {
        b.images.resize(views * side * side * 3);
      }
      b.labels.resize(size);
      b.samples.resize(size);
    }
    worker_ = start_thread("the thread that makes batches",
                           [this](const std::stop_token& stop) { work(stop); });
  }

  loader(const loader&) = delete;
  loader& operator=(const loader&) = delete;

  [[nodiscard]] std::int64_t steps_per_epoch() const noexcept {
    return set_.size() / options_.batch_size;
  }

  /// The next batch; valid until the next call. Rethrows what stopped the background thread.
  const batch& next() {
    std::unique_lock lock(mutex_);
    if (lent_) {
      ++taken_;
      lent_ = false;
      changed_.notify_all();
    }
    changed_.wait(lock, [this] { return made_ > taken_ || failure_; });
    if (made_ == taken_) std::rethrow_exception(failure_);
    lent_ = true;
    return ring_[taken_ % ring_.size()];
  }

 private:
  // Returns the number of threads, so that the pool is built from checked options.
  static int check(const image_set& set, const loader_options& o) {
    if (o.recipes.empty() || o.recipes.size() > static_cast<std::size_t>(augment::view_limit)) {
      throw error::usage("loader: " + std::to_string(o.recipes.size()) + " views; give 1 to " +
                         std::to_string(augment::view_limit) + " recipes");
    }
    for (const auto& r : o.recipes) augment::validate(r);
    if (o.batch_size < 1 || o.batch_size > set.size()) {
      throw error::usage("the batch size is " + std::to_string(o.batch_size) + " and the set " +
                         set.name + " has " + std::to_string(set.size()) +
                         " images; choose a batch size from 1 to that number");
    }
    if (o.image_size < 0 || o.image_size > 4096) {
      throw error::usage("the image size is " + std::to_string(o.image_size) +
                         "; choose one from 1 to 4096, or 0 for the images' own");
    }
    if (o.start.epoch < 0 || o.start.epoch >= (1 << 24) || o.start.step < 0 ||
        o.start.step > set.size() / o.batch_size) {
      throw error::usage("epoch " + std::to_string(o.start.epoch) + ", step " +
                         std::to_string(o.start.step) + " is no place to start at; an epoch has " +
                         std::to_string(set.size() / o.batch_size) + " steps");
    }
    return o.threads < 1 ? 1 : o.threads;
  }

  void work(const std::stop_token& stop) {
    try {
      for (;;) {
        {
          std::unique_lock lock(mutex_);
          if (!changed_.wait(lock, stop, [this] { return made_ - taken_ < ring_.size(); })) return;
        }
        make(ring_[made_ % ring_.size()], stop);
        const std::lock_guard lock(mutex_);
        ++made_;
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  // b <- the batch at position_, which then moves on. Only the background thread comes here.
  void make(batch& b, const std::stop_token& stop) {
    if (ordered_epoch_ != position_.epoch) {
      shuffle(order_, options_.seed, position_.epoch);
      ordered_epoch_ = position_.epoch;
    }
    b.epoch = position_.epoch;
    b.step = position_.step;
    const auto size = static_cast<std::size_t>(options_.batch_size);
    for (std::size_t i = 0; i < size; ++i) {
      b.samples[i] = order_[static_cast<std::size_t>(position_.step) * size + i];
      b.labels[i] = set_.labels[static_cast<std::size_t>(b.samples[i])];
    }
    const std::size_t length = b.images.size() / options_.recipes.size();
    for (std::size_t v = 0; v < options_.recipes.size() && !stop.stop_requested(); ++v) {
      augment::address at{options_.seed, position_.epoch, 0, static_cast<int>(v)};
      if (options_.decide_only) {
        for (std::size_t i = 0; i < size; ++i) {
          at.sample = b.samples[i];
          b.draws[v * size + i] = augment::decide(options_.recipes[v], at, set_.height, set_.width,
                                                  options_.image_size, options_.image_size);
        }
      } else {
        fill(set_, b.samples, options_.recipes[v], at, options_.image_size,
             b.images.data() + v * length, &pool_);
      }
    }
    if (++position_.step == steps_per_epoch()) position_ = {position_.epoch + 1, 0};
  }

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
  std::condition_variable_any changed_;
  std::size_t made_ = 0, taken_ = 0;
  bool lent_ = false;
  std::exception_ptr failure_;

  std::jthread worker_;  // last: stopped before anything above goes away
};

}  // namespace triptych::data
