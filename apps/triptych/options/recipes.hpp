// apps/triptych/options/recipes.hpp
//
// Where a method's options start: `paper` is the shared settings of the paper, the app's defaults;
// `tuned` is each method's own recipe for CIFAR-10, which its header holds, with the sources.
// Whatever is given overrides them.
#pragma once

#include <span>
#include <string_view>

#include <triptych/core/options.hpp>

#include "triptych/options/parts.hpp"

namespace triptych::app {

/// The tuned values of a method; empty for one that has none of its own.
inline std::span<const preset_value> tuned_values(std::string_view method) {
  std::span<const preset_value> values;
  methods::find(method, [&]<class Options>() {
    if constexpr (requires { Options::tuned; }) values = Options::tuned;
  });
  return values;
}

}  // namespace triptych::app
