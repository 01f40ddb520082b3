// apps/ablations/no_patches.hpp
//
// The momentum branch alone: no patches, no stop-gradient network, loss_m only.
#pragma once

#include <string_view>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct app_config {
  static constexpr std::string_view name = "no_patches";
  static constexpr bool global_branch = true;
  static constexpr bool local_branch = false;

  static void defaults(train_options&) {}
};

}  // namespace triptych::app
