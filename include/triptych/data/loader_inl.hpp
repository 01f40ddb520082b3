// triptych/data/loader_inl.hpp
//
// The bodies of loader.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/loader.hpp>
#include <triptych/data/shuffle.hpp>

namespace triptych::data {

namespace detail {

/// The number of threads, so that the pool is built from checked options.
inline int checked_threads(const image_set& set, const loader_options& o) {
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
  if (o.part.count < 1 || o.part.index < 0 || o.part.index >= o.part.count ||
      o.batch_size % o.part.count != 0) {
    throw error::usage("part " + std::to_string(o.part.index + 1) + " of " +
                       std::to_string(o.part.count) + " of a batch of " +
                       std::to_string(o.batch_size) +
                       " images cannot be made; choose a batch size divisible by the number of "
                       "parts, which are ranks");
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

}  // namespace detail

TRIPTYCH_INLINE loader::loader(const image_set& set, loader_options options)
    : set_(set), options_(std::move(options)), pool_(detail::checked_threads(set_, options_)),
      order_(static_cast<std::size_t>(set.size())) {
  if (options_.image_size == 0) options_.image_size = set.height;
  if (options_.image_size == 0) {
    throw error::usage("the images of the set " + set.name +
                       " have several sizes; give the side of a view as `image-size`");
  }
  position_ = options_.start;
  if (position_.step == steps_per_epoch()) position_ = {position_.epoch + 1, 0};
  const auto size = static_cast<std::size_t>(options_.batch_size / options_.part.count);
  const auto side = static_cast<std::size_t>(options_.image_size);
  for (batch& b : ring_) {
    b.views = static_cast<int>(options_.recipes.size());
    b.size = static_cast<int>(size);
    const std::size_t views = options_.recipes.size() * size;
    if (options_.decide_only) {
      b.draws.resize(views);
    } else {
      b.images.resize(views * side * side * 3);
    }
    b.labels.resize(static_cast<std::size_t>(options_.batch_size));
    b.samples.resize(size);
  }
  worker_ = start_thread("the thread that makes batches", [this] { work(); });
}

TRIPTYCH_INLINE loader::~loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

TRIPTYCH_INLINE const batch& loader::next() {
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

TRIPTYCH_INLINE void loader::work() {
  try {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || made_ - taken_ < ring_.size(); });
        if (stopping_) return;
      }
      make(ring_[made_ % ring_.size()]);
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

TRIPTYCH_INLINE void loader::make(batch& b) {
  if (ordered_epoch_ != position_.epoch) {
    shuffle(order_, options_.seed, position_.epoch);
    ordered_epoch_ = position_.epoch;
  }
  b.epoch = position_.epoch;
  b.step = position_.step;
  const auto whole = std::span(order_).subspan(
      static_cast<std::size_t>(position_.step) * b.labels.size(), b.labels.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    b.labels[i] = set_.labels[static_cast<std::size_t>(whole[i])];
  }
  const std::size_t size = b.samples.size();
  std::copy_n(whole.begin() + options_.part.index * b.size, size, b.samples.begin());
  augment::address at{options_.seed, position_.epoch, 0, 0};
  if (options_.decide_only) {
    for (const auto& recipe : options_.recipes) {
      for (std::size_t i = 0; i < size; ++i) {
        at.sample = b.samples[i];
        b.draws[static_cast<std::size_t>(at.view) * size + i] = augment::decide(
            recipe, at, set_.height, set_.width, options_.image_size, options_.image_size);
      }
      ++at.view;
    }
  } else {
    fill(set_, b.samples, options_.recipes, at, options_.image_size, b.images.data(), &pool_,
         &stopping_);
  }
  if (++position_.step == steps_per_epoch()) position_ = {position_.epoch + 1, 0};
}

}  // namespace triptych::data
