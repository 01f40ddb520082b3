// triptych/data/fill.hpp
//
// Chosen images of a set as one view each: what the loader does for a batch, and an evaluation for
// one pass over a set. The result depends on the arguments alone, never on the number of threads.
//
// Shapes: out (N, out_size, out_size, 3), channels last, normalised; N the number of samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <triptych/augment/pipeline.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>

namespace triptych::data {

/// out <- view `at.view` of `samples` (indices into `set`) at epoch `at.epoch` of `at.seed`;
/// overwritten. `at.sample` is ignored; with augment::recipes::plain all of `at` is.
inline void fill(const image_set& set, std::span<const std::int64_t> samples,
                 const augment::recipe& recipe, const augment::address& at, int out_size,
                 float* out, thread_pool* pool = nullptr) {
  const std::size_t view_size =
      static_cast<std::size_t>(out_size) * static_cast<std::size_t>(out_size) * 3;
  const augment::normalisation normalisation = set.normalisation();
  const auto make = [&](std::int64_t i) {
    thread_local augment::workspace work;  // grows once, then serves every call on this thread
    augment::address here = at;
    here.sample = samples[static_cast<std::size_t>(i)];
    augment::apply(recipe, normalisation, set.view(here.sample), here, out_size, out_size, work,
                   out + static_cast<std::size_t>(i) * view_size);
  };
  const auto count = static_cast<std::int64_t>(samples.size());
  if (pool != nullptr) {
    pool->run(count, make);
  } else {
    for (std::int64_t i = 0; i < count; ++i) make(i);
  }
}

/// The same for all samples first ... first + count - 1, plain: the images as they are, normalised.
inline void fill_plain(const image_set& set, std::int64_t first, std::int64_t count, int out_size,
                       float* out, thread_pool* pool = nullptr) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), first);
  fill(set, samples, augment::recipes::plain, {}, out_size, out, pool);
}

}  // namespace triptych::data
