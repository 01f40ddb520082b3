// apps/triptych/options/configuration.hpp
//
// What the sources that are compiled once, for the app and all its ablations, may ask of the
// compile-time configuration (apps/ablations/).
#pragma once

#include <string_view>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct configuration {
  std::string_view name;
  bool global_branch, local_branch;
  void (*defaults)(train_options&);
};

extern const configuration this_configuration;

}  // namespace triptych::app
