// triptych/eval/encode.hpp
//
// Features of images under a frozen encoder: running statistics, no gradient, no augmentation
// unless a recipe asks for it.
//
// N images -> (N, D) on the host. Cost: one encoder forward an image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/eval/row_source.hpp>

namespace triptych::eval {

/// Images on the host, of shape `s`, in the backend's memory until the caller's frame ends.
template <class B>
tensor<const typename B::real> uploaded(B& backend, std::span<const float> images, const shape& s) {
  using real = typename B::real;
  real* const x = backend.arena().template take<real>(s.size());
  const std::vector<real> host(images.begin(), images.end());
  backend.upload(host.data(), host.size(), x);
  return {s, x};
}

/// Writes the features (n, D) of normalized images (n, size, size, 3) to `out`.
template <class Network>
void encode(Network& network, std::span<const float> images, std::int64_t n, int size, float* out) {
  using B = typename Network::backend_type;
  using real = typename B::real;
  B& backend = network.backend();
  const arena_frame scope(backend.arena());
  const auto h = network.embed(uploaded(backend, images, {n, size, size, 3}));
  std::vector<real> features(h.size());
  backend.download(h.data, h.size(), features.data());
  std::transform(features.begin(), features.end(), out,
                 [](real v) { return static_cast<float>(v); });
}

/// The features of the images of a set that have a label (others cannot be judged by), as they are,
/// resized to `size`; `pool` makes the inputs.
template <class Network>
feature_set encode(Network& network, const data::image_set& set, int size, thread_pool& pool,
                   std::int64_t batch = 256) {
  const int dim = network.architecture().encoder.out();
  const std::int64_t count = set.labeled();
  feature_set features{count,
                       dim,
                       set.classes,
                       std::vector<float>(static_cast<std::size_t>(count * dim)),
                       {set.labels.begin(), set.labels.begin() + count}};
  std::vector<float> images;
  for (std::int64_t first = 0; first < count; first += batch) {
    const std::int64_t n = std::min(batch, count - first);
    images.resize(static_cast<std::size_t>(n * size * size * 3));
    data::fill_plain(set, first, n, size, images.data(), &pool);
    encode(network, images, n, size, features.values.data() + first * dim);
  }
  return features;
}

/// Raw pixels of the same images as features, for the baseline: plain views of size x size,
/// normalized as for an encoder, made by `pool` whenever they are asked for. Set and pool must
/// outlive it. Cosine kNN on these is the project's raw-pixel number: 35.1 % top-1 on the CIFAR-10
/// excerpt of 5,085 training images (pixels merely scaled to [0, 1] give 22.9 %: all images look
/// alike).
inline row_source pixel_rows(const data::image_set& set, int size, thread_pool& pool) {
  const std::int64_t count = set.labeled();
  return {count, size * size * 3, set.classes,
          std::span(set.labels).first(static_cast<std::size_t>(count)),
          [&set, &pool, size](std::int64_t first, std::int64_t n, std::vector<float>& memory) {
            memory.resize(static_cast<std::size_t>(n * size * size * 3));
            data::fill_plain(set, first, n, size, memory.data(), &pool);
            return static_cast<const float*>(memory.data());
          }};
}

}  // namespace triptych::eval
