// apps/ablations/default.hpp
//
// What is fixed when the app is compiled: a structure with a name, defaults of its own, and the
// branches of the method that take part. A header like this one, under another name, makes the
// ablation build `triptych-<name>`: the same program with the same options.
#pragma once

#include <string_view>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct app_config {
  static constexpr std::string_view name = "default";
  static constexpr bool global_branch = true;  ///< the momentum network and loss_m
  static constexpr bool local_branch = true;   ///< the stop-gradient network and loss_s

  /// Values that differ from the protocol's; every option overrides them.
  static void defaults(train_options&) {}
};

}  // namespace triptych::app
