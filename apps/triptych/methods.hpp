// apps/triptych/methods.hpp
//
// The methods that --method offers, in the order of the paper's Table 1. One more is one more line:
// the options of a header in include/triptych/method/.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <triptych/method/byol.hpp>
#include <triptych/method/fast_moco.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/moco.hpp>
#include <triptych/method/nnclr.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/method/simsiam.hpp>

namespace triptych::app {

template <class... Options>
struct method_list {
  static constexpr std::array<method::traits, sizeof...(Options)> about{Options::about...};
  static constexpr std::array<std::string_view, sizeof...(Options)> names{Options::about.name...};

  /// visit.operator()<Options>() of the method of that name, which must be one of `names`.
  template <class Visit>
  static void find(std::string_view name, const Visit& visit) {
    (void)((Options::about.name == name && (visit.template operator()<Options>(), true)) || ...);
  }
};

using methods = method_list<method::moco_options,       //
                            method::simsiam_options,    //
                            method::simclr_options,     //
                            method::byol_options,       //
                            method::nnclr_options,      //
                            method::fast_moco_options,  //
                            method::mncl_options>;

inline const method::traits& traits_of(std::string_view name) {
  return *std::find_if(methods::about.begin(), methods::about.end(),
                       [&](const method::traits& t) { return t.name == name; });
}

}  // namespace triptych::app
