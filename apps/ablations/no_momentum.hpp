// apps/ablations/no_momentum.hpp
//
// The local branch alone: no momentum network, no queue, loss_s only.
#pragma once

#include <string_view>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct app_config {
  static constexpr std::string_view name = "no_momentum";
  static constexpr bool global_branch = false;
  static constexpr bool local_branch = true;

  static void defaults(train_options&) {}
};

}  // namespace triptych::app
