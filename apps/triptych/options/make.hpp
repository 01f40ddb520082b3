// apps/triptych/options/make.hpp
//
// From the options of a run to the library's types: the one place where both are known.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/train/trainer.hpp>

#include "triptych/options/described.hpp"
#include "triptych/options/options.hpp"
#include "triptych/options/parts.hpp"

namespace triptych::app {

/// The optimizer is decided by an option.
struct policies : method::mncl_policies {
  using online_update = update::backprop<update::optimizer::any>;
};

/// The images that `o` asks for; generated ones as `run` has them.
template <class Run>
data::source data_source(const image_choice& o, const Run& run) {
  return {.name = o.data,
          .dir = o.data_dir,
          .limit_per_file = o.limit_per_file,
          .seed = run.seed,
          .procedural_train = run.procedural_train,
          .procedural_test = run.procedural_test,
          .skip_damaged = o.on_bad_image == choice::bad_image::skip,
          .memory = static_cast<std::uint64_t>(o.image_memory) << 20};
}

inline nn::architecture<> layers(const train_options& o) {
  nn::architecture<> all(nn::resnet(o.encoder), o.head);
  all.micro_batches = o.micro_batches;
  return all;
}

/// Encoder forwards that a training step costs an image; a backward counts two.
inline int cost_of(const train_options& o) {
  int cost = 0;
  methods::find(o.method, [&]<class Options>() {
    if constexpr (requires(Options m) { m.described(); }) {
      cost = part_of<Options>(o).described().cost;
    } else {
      cost = Options::about.cost;
    }
  });
  return cost;
}

inline policies::online_update online_update(const train_options& o) {
  policies::online_update u;
  optimizers::find(o.optimizer,
                   [&]<class Optimizer>() { u.optimizer.choice = part_of<Optimizer>(o); });
  u.clip_norm = o.clip_norm;
  return u;
}

/// The policies' values for a run of `steps` steps.
template <class Policies>
method::policy_values<Policies> policy_values(const train_options& o, std::int64_t steps) {
  const bool rises = o.momentum_schedule == choice::schedule::cosine;
  return {.online_update = online_update(o),
          .momentum_update = {.momentum = o.momentum_m, .steps = rises ? steps : 0},
          .patches = patches::grid(o.grid, {o.combine_k, o.combine == choice::combine::random})};
}

template <class Options, class Policies, class B>
std::unique_ptr<method::learner<B>> make_with(B& backend, const train_options& o,
                                              std::int64_t steps) {
  return std::make_unique<typename Options::template method<B, Policies>>(
      backend, layers(o), part_of<Options>(o), o.seed, policy_values<Policies>(o, steps));
}

/// mncl with the branches of this build's configuration: ablated/mncl.hpp.
template <class B>
std::unique_ptr<method::learner<B>> make_mncl(B& backend, const train_options& o,
                                              std::int64_t steps);

template <class B>
std::unique_ptr<method::learner<B>> make_method(B& backend, const train_options& o,
                                                std::int64_t steps) {
  std::unique_ptr<method::learner<B>> made;
  methods::find(o.method, [&]<class Options>() {
    if constexpr (std::is_same_v<Options, method::mncl_options>) {
      made = make_mncl(backend, o, steps);
    } else {
      made = make_with<Options, policies>(backend, o, steps);
    }
  });
  return made;
}

inline train::trainer_options trainer_options(const train_options& o, int views) {
  std::vector<augment::recipe> recipes;
  for (int v = 0; v < views; ++v) recipes.push_back(augment::preset(o.augment, v));
  return {.recipes = recipes,
          .epochs = o.epochs,
          .batch = o.batch,
          .image_size = view_size(o),
          .learning_rate = o.lr,
          .learning_rate_changes = o.lr_changes,
          .warmup_epochs = o.warmup_epochs,
          .constant_learning_rate = o.schedule == choice::schedule::constant,
          .constant_predictor_learning_rate = o.predictor_lr == choice::schedule::constant,
          .seed = o.seed,
          .monitor_every = o.log_every,
          .read_every = 10,
          .resident = o.resident,
          .graph = o.graph};
}

}  // namespace triptych::app
