// triptych/data/fill_inl.hpp
//
// The bodies of fill.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/augment/pipeline.hpp>
#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>

namespace triptych::data {

TRIPTYCH_INLINE void fill(const image_set& set, std::span<const std::int64_t> samples,
                          const augment::recipe& recipe, const augment::address& at, int out_size,
                          float* out, thread_pool* pool) {
  fill(set, samples, std::span(&recipe, 1), at, out_size, out, pool);
}

TRIPTYCH_INLINE void fill(const image_set& set, std::span<const std::int64_t> samples,
                          std::span<const augment::recipe> recipes, const augment::address& first,
                          int out_size, float* out, thread_pool* pool,
                          const std::atomic<bool>* stop) {
  const std::size_t view_size =
      static_cast<std::size_t>(out_size) * static_cast<std::size_t>(out_size) * 3;
  const augment::normalization normalization = set.normalization();
  const auto make = [&](std::int64_t i) {
    if (stop != nullptr && *stop) return;
    // They grow once, then serve every call on this thread.
    thread_local augment::workspace work;
    thread_local std::vector<std::uint8_t> memory;
    augment::address at = first;
    at.sample = samples[static_cast<std::size_t>(i)];
    const augment::image_view image = set.image(at.sample, memory);
    float* view = out + static_cast<std::size_t>(i) * view_size;
    for (const auto& recipe : recipes) {
      augment::apply(recipe, normalization, image, at, out_size, out_size, work, view);
      view += samples.size() * view_size;
      ++at.view;
    }
  };
  const auto count = static_cast<std::int64_t>(samples.size());
  if (pool != nullptr) {
    pool->run(count, make);
  } else {
    for (std::int64_t i = 0; i < count; ++i) make(i);
  }
}

TRIPTYCH_INLINE void fill_plain(const image_set& set, std::int64_t first, std::int64_t count,
                                int out_size, float* out, thread_pool* pool) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), first);
  fill(set, samples, augment::recipes::plain, {}, out_size, out, pool);
}

}  // namespace triptych::data
