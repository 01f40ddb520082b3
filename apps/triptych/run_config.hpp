// apps/triptych/run_config.hpp
//
// From the options of a run to the library's types: the one place where both are known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/nn/stack.hpp>
#include <triptych/train/trainer.hpp>
#include <triptych/update/optimizer/any.hpp>

#include "app_config.hpp"
#include "options.hpp"

namespace triptych::app {

/// The method of this build: its branches are decided by the app's configuration, its optimiser by
/// an option.
struct policies : method::mncl_policies {
  using online_update = update::backprop<update::optimizer::any>;
  static constexpr bool global_branch = app_config::global_branch;
  static constexpr bool local_branch = app_config::local_branch;
};

inline data::source data_source(choice::data name, const std::string& directory,
                                std::int64_t limit, const train_options& run) {
  return {std::string(name_of(name)), directory,           limit,
          view_size(run),             run.seed,            run.procedural_train,
          run.procedural_test};
}

inline nn::resnet encoder(const train_options& o) {
  return nn::resnet({.stem = o.stem == choice::stem::cifar ? nn::stem::cifar : nn::stem::imagenet,
                     .width = o.width,
                     .blocks = o.blocks,
                     .zero_init_residual = o.zero_init_residual});
}

inline nn::stack<> layers(const train_options& o) {
  return nn::stack<>(encoder(o), {o.head, o.predictor_hidden});
}

inline method::mncl_options method_options(const train_options& o) {
  method::mncl_options m;
  m.temperature = o.temperature;
  m.lambda = o.lambda;
  m.lambda_s = o.lambda_s;
  m.queue = o.queue;
  m.local_gradient = o.local_gradient;
  if (o.local_anchor == choice::local_anchor::prediction) m.local_anchor = loss::anchor::prediction;
  if (o.global_loss == choice::global_loss::ntxent) m.global_loss = method::global_loss::nt_xent;
  if (o.momentum_init == choice::momentum_init::independent) {
    m.momentum_init = method::momentum_start::independent;
  }
  if (o.ema_timing == choice::ema_timing::before) {
    m.ema_timing = method::momentum_timing::before_forward;
  }
  if (o.patch_statistics == choice::patch_statistics::online) {
    m.patch_statistics = method::patch_statistics::online;
  }
  if (o.enqueue == choice::enqueue::z2) m.enqueue = method::enqueued::z2;
  if (o.enqueue == choice::enqueue::both) m.enqueue = method::enqueued::both;
  return m;
}

inline policies::online_update online_update(const train_options& o) {
  policies::online_update u;
  if (o.optimizer == choice::optimizer::lars) {
    u.rule.choice = update::optimizer::lars{.momentum = o.momentum,
                                            .weight_decay = o.weight_decay};
  } else {
    u.rule.choice = update::optimizer::sgd{o.momentum, o.weight_decay};
  }
  u.clip_norm = o.clip_norm;
  return u;
}

template <class B>
method::mncl<B, policies> make_method(B& backend, const train_options& o) {
  return method::mncl<B, policies>(
      backend, layers(o), method_options(o), o.seed, online_update(o), {o.momentum_m},
      views::grid(o.grid, {o.combine_k, o.combine == choice::combine::random}));
}

inline train::trainer_options trainer_options(const train_options& o, int views) {
  const augment::recipe recipe = augment::preset(o.augment);
  return {.recipes = std::vector<augment::recipe>(static_cast<std::size_t>(views), recipe),
          .epochs = o.epochs,
          .batch = o.batch,
          .image_size = view_size(o),
          .rate = o.lr,
          .warmup_epochs = o.warmup_epochs,
          .constant_rate = o.schedule == choice::schedule::constant,
          .constant_predictor_rate = o.predictor_lr == choice::schedule::constant,
          .seed = o.seed,
          .monitor_every = o.log_every};
}

}  // namespace triptych::app
