// triptych/eval/classify.hpp
//
// How well a network whose predictions are class scores classifies images: running statistics, no
// gradient, no augmentation.
//
// N images, C classes. Cost: one forward pass an image.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/network/network.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::eval {

/// What classify() finds.
struct classification {
  triptych::eval::accuracy accuracy{};
  double loss = 0;               ///< mean cross-entropy
  confusion_matrix confusion{};  ///< which gives the accuracy
  friend bool operator==(const classification&, const classification&) = default;
};

namespace detail {

/// -log softmax(scores)[label], summed in double.
template <class T>
double cross_entropy(const T* scores, int classes, std::int32_t label) {
  const T largest = *std::max_element(scores, scores + classes);
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(scores[c] - largest));
  return std::log(sum) - static_cast<double>(scores[label] - largest);
}

}  // namespace detail

/// Classifies the images of `set` that have a label, as they are, resized to `size`; `pool` makes
/// the inputs. The same bits for any number of threads. error::data where none has a label or one
/// is no class of the network's.
template <class Network>
classification classify(Network& network, const data::image_set& set, int size, thread_pool& pool,
                        std::int64_t batch = 256) {
  using real = typename Network::backend_type::real;
  auto& backend = network.backend();
  const std::int64_t count = set.labeled();
  if (count == 0) {
    throw error::data("the set " + set.name +
                      " has no labeled images to classify; give some to this part of the data set");
  }
  confusion_matrix confusion(network.architecture().predictor.out());
  double loss = 0;
  std::vector<float> images;
  std::vector<real> scores;
  for (std::int64_t first = 0; first < count; first += batch) {
    const std::int64_t n = std::min(batch, count - first);
    images.resize(static_cast<std::size_t>(n * size * size * 3));
    data::fill_plain(set, first, n, size, images.data(), &pool);
    const arena_frame scope(backend.arena());
    const auto x = uploaded(backend, images, {n, size, size, 3});
    const auto p = network.forward(x, std::array{0}, {.mode = nn::mode::evaluate}).prediction;
    const int classes = p.shape.channels;
    scores.resize(p.size());
    backend.download(p.data, p.size(), scores.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto label = set.labels[static_cast<std::size_t>(first + i)];
      if (label < 0 || label >= classes) {
        throw error::data("the set " + set.name + ": image " + std::to_string(first + i) +
                          " has label " + std::to_string(label) + ", outside 0 to " +
                          std::to_string(classes - 1) + "; check the number of classes");
      }
      const real* const row = scores.data() + i * classes;
      confusion.add(rank(row, classes, label), label);
      loss += detail::cross_entropy(row, classes, label);
    }
  }
  return {confusion.percent(), loss / static_cast<double>(count), std::move(confusion)};
}

}  // namespace triptych::eval
