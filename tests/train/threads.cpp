// A run whose backend and loader have several threads: the bits of one thread, and, under
// ThreadSanitizer, no race between them.
#include <cstdint>
#include <cstring>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/train/trainer.hpp>

#include "support/catch.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

using fast = backend::eigen<>;

/// All that a checkpoint would hold after two epochs.
std::vector<float> trained(int threads) {
  const auto set = noise_images(40);
  fast backend(threads);
  method::mncl_options options;
  options.queue = 32;
  method::mncl<fast> method(backend,
                            nn::architecture<>(nn::resnet({.width = 4, .blocks = {1, 1, 1, 1}}),
                                               {.projector = {16, 16}, .predictor_hidden = 8}),
                            options, 1);
  train::trainer_options plan{.recipes = {3, augment::recipes::mncl},
                              .epochs = 2,
                              .batch = 10,
                              .image_size = 16,
                              .monitor_every = 3,
                              .loader_threads = threads};
  train::trainer<fast> trainer(method, set, plan);
  while (!trainer.done()) trainer.advance();
  std::vector<float> all;
  for (const auto& arena : method.arenas()) {
    all.insert(all.end(), arena.data, arena.data + arena.list->size());
  }
  return all;
}

}  // namespace

TEST_CASE("a run on several threads of backend and loader has the bits of one") {
  const auto one = trained(1), four = trained(4);
  REQUIRE(one.size() == four.size());
  CHECK(std::memcmp(one.data(), four.data(), one.size() * sizeof(float)) == 0);
}
