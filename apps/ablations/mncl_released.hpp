// apps/ablations/mncl_released.hpp
//
// The method as the authors' public code computes it: the variant `released` is the default.
#pragma once

#include <string_view>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct app_config {
  static constexpr std::string_view name = "mncl_released";
  static constexpr bool global_branch = true;
  static constexpr bool local_branch = true;

  static void defaults(train_options& o) { apply_variant(o, choice::variant::released); }
};

}  // namespace triptych::app
