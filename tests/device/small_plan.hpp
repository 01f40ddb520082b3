// A training run on small images; what it is tried with is added by the caller.
#pragma once

#include <cstddef>

#include <triptych/augment/recipe.hpp>
#include <triptych/train/trainer.hpp>

namespace triptych::test {

inline train::trainer_options small_plan(std::size_t views, int epochs, int batch) {
  train::trainer_options plan;
  plan.recipes.assign(views, augment::recipes::mncl);
  plan.epochs = epochs;
  plan.batch = batch;
  plan.image_size = 16;
  return plan;
}

}  // namespace triptych::test
