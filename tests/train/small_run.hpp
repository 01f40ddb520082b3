// A small training run on the oracle: made-up images, three views, a queue that wraps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/train/trainer.hpp>

#include "support/seed.hpp"

namespace triptych::test {

/// `count` images of noise, 12 x 12, in three classes.
inline data::image_set noise_images(int count) {
  data::image_set set{.name = "noise", .height = 12, .width = 12, .classes = 3};
  random_stream random(seeded(1), stream::evaluate);
  for (int i = 0; i < count; ++i) {
    for (int b = 0; b < 12 * 12 * 3; ++b) {
      set.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
    }
    set.labels.push_back(i % 3);
  }
  return set;
}

/// The local branch without the global one.
struct patches_alone : method::mncl_policies {
  static constexpr bool global_branch = false;
};

struct sizes {
  nn::stem stem = nn::stem::cifar;
  int width = 1;
  std::vector<int> projector = {6, 4};
  int predictor_hidden = 3;
  std::int64_t queue = 16;
};

template <class Real = float, class Policies = method::mncl_policies,
          class B = backend::reference<Real>>
struct small_run {
  using backend_type = B;
  using method_type = method::mncl<backend_type, Policies>;

  backend_type backend;
  method_type method;

  /// Behind `seed` what the backend takes.
  template <class... Arguments>
  explicit small_run(const sizes& s = {}, std::uint64_t seed = 1, Arguments&&... arguments)
      : backend(std::forward<Arguments>(arguments)...),
        method(backend,
               nn::architecture<>(
                   nn::resnet({.stem = s.stem, .width = s.width, .blocks = {1, 1, 1, 1}}),
                   {s.projector, s.predictor_hidden}),
               options(s), seeded(seed)) {}

  static method::mncl_options options(const sizes& s) {
    triptych::method::mncl_options o;
    o.queue = s.queue;
    o.temperature = 0.5;
    return o;
  }

  /// Twenty images in batches of six are three steps an epoch.
  static train::trainer_options plan() {
    train::trainer_options o;
    o.recipes.assign(3, augment::recipes::mncl);
    o.epochs = 4;
    o.batch = 6;
    o.image_size = 12;
    o.learning_rate = 0.05;
    o.seed = 11;
    o.monitor_every = 2;
    return o;
  }

  /// Every number of the method's arenas.
  std::vector<Real> state() {
    std::vector<Real> all;
    for (const auto& arena : method.arenas()) {
      all.insert(all.end(), arena.data, arena.data + arena.list->size());
    }
    return all;
  }
};

}  // namespace triptych::test
