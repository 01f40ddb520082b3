// triptych/data/fill.hpp
//
// Chosen images of a set as one view each: what the loader does for a batch, and an evaluation for
// one pass over a set. The result depends on the arguments alone, never on the number of threads.
//
// Shapes: out (N, out_size, out_size, 3) a view, channels last, normalized; N the number of
// samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include <triptych/augment/draw.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/config.hpp>
#include <triptych/data/image_set.hpp>

namespace triptych {
class thread_pool;  // core/thread_pool.hpp
}  // namespace triptych

namespace triptych::data {

/// out <- view `at.view` of `samples` (indices into `set`) at epoch `at.epoch` of `at.seed`;
/// overwritten. `at.sample` is ignored; with augment::recipes::plain all of `at` is.
void fill(const image_set& set, std::span<const std::int64_t> samples,
          const augment::recipe& recipe, const augment::address& at, int out_size, float* out,
          thread_pool* pool = nullptr);

/// The same for several views, view-major, of which `recipes` are those from `first.view` on: each
/// image is looked up once, and none any more where `stop` has become true.
void fill(const image_set& set, std::span<const std::int64_t> samples,
          std::span<const augment::recipe> recipes, const augment::address& first, int out_size,
          float* out, thread_pool* pool = nullptr, const std::atomic<bool>* stop = nullptr);

/// The same for all samples first ... first + count - 1, plain: the images as they are, normalized.
void fill_plain(const image_set& set, std::int64_t first, std::int64_t count, int out_size,
                float* out, thread_pool* pool = nullptr);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/fill_inl.hpp>
#endif
