// triptych/train/batches.hpp
//
// The batches of a run, found from the step's number, and their views in the backend's memory: made
// by the loader's threads and uploaded, or, where the backend renders, made there from images that
// lie in its memory.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <triptych/concepts/rendering_backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/loader.hpp>

namespace triptych::train {

template <class B>
class batches {
 public:
  using real = typename B::real;

  /// `options.batch_size` is from 1 to the set's size (the trainer checks it), `image_size` the
  /// side of a view; `start` and `decide_only` are set here. The set must outlive this. `resident`:
  /// rendered where the backend can and the images lie in memory and have one size. Begins at
  /// step `first` of the run.
  batches(B& backend, const data::image_set& set, data::loader_options options, bool resident,
          std::int64_t first)
      : backend_(&backend), set_(&set), options_(std::move(options)) {
    if constexpr (RenderingBackend<B>) {
      if (resident && set.uniform()) {
        static_cast<void>(set.image(set.size() - 1));  // throws where pixels are missing
        pixels_ = bytes(set.pixels.size(), "the images, which `resident` off leaves to the CPU");
        backend.upload_bytes(set.pixels.data(), set.pixels.size(), pixels_.data());
        options_.decide_only = true;
      }
    }
    go_to(first);
  }

  [[nodiscard]] std::int64_t steps_per_epoch() const { return set_->size() / options_.batch_size; }

  /// The batch of the next step; valid until the next call.
  const data::batch& next() { return loader_->next(); }

  /// The next step is number `step` of the run.
  void go_to(std::int64_t step) {
    options_.start = {step / steps_per_epoch(), step % steps_per_epoch()};
    loader_.emplace(*set_, options_);
  }

  /// The views (V N, S, S, 3) of a batch in the backend's memory, until the caller's frame of its
  /// arena ends.
  [[nodiscard]] tensor<const real> views(const data::batch& batch) {
    const int side = options_.image_size;
    const shape s{std::int64_t{batch.views} * batch.size, side, side, 3, batch.views};
    real* x = backend_->arena().template take<real>(s.size());
    if constexpr (RenderingBackend<B>) {
      if (options_.decide_only) {
        backend_->render({.pixels = pixels_.data(),
                          .height = set_->height,
                          .width = set_->width,
                          .samples = batch.samples.data(),
                          .draws = batch.draws.data(),
                          .views = batch.views,
                          .per_view = batch.size,
                          .side = side,
                          .constants = set_->normalization()},
                         x);
        return {s, x};
      }
    }
    host_.assign(batch.images.begin(), batch.images.end());
    backend_->upload(host_.data(), host_.size(), x);
    return {s, x};
  }

 private:
  using bytes = buffer<std::uint8_t, typename B::allocator>;

  B* backend_;
  const data::image_set* set_;
  data::loader_options options_;
  std::optional<data::loader> loader_;
  bytes pixels_;  ///< of the set, where the backend makes the views
  std::vector<real> host_;
};

}  // namespace triptych::train
