// apps/triptych/options/variants.hpp
//
// In what the paper's method and its authors' code differ (docs/method.md, "released"), option by
// option.
#pragma once

#include <string>
#include <vector>

#include <triptych/method/mncl.hpp>

#include "triptych/options/described.hpp"

namespace triptych::app {

/// An option, and its value in either variant.
struct variant_switch {
  std::string option, paper, released;
};

/// The method's own, as mncl_options::released() has them, and what the code does around it.
inline const std::vector<variant_switch>& variant_switches() {
  static const std::vector<variant_switch> all = [] {
    std::vector<variant_switch> list;
    const auto paper = method::mncl_options(), released = method::mncl_options::released();
    for (const auto& s : settings_of<method::mncl_options>()) {
      const auto as_written = s.value.write(paper), as_coded = s.value.write(released);
      if (as_written != as_coded) list.push_back({s.name, as_written, as_coded});
    }
    list.push_back({"clip-norm", "0", "1"});
    list.push_back({"predictor-lr", "cosine", "constant"});
    list.push_back({"zero-init-residual", "off", "on"});
    return list;
  }();
  return all;
}

}  // namespace triptych::app
