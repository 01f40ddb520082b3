// apps/triptych/parts.hpp
//
// The parts of the library that a run chooses by name. One more method is one more line here: the options of a
// header in include/triptych/method/, whose fields become options of the app (described.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <triptych/method/byol.hpp>
#include <triptych/method/fast_moco.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/moco.hpp>
#include <triptych/method/nnclr.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/method/simsiam.hpp>
#include <triptych/update/optimizer/any.hpp>

namespace triptych::app {

/// Structs that tell, by `about.name`, what --method or its like calls them.
template <class... Parts>
struct part_list {
  static constexpr std::array<std::string_view, sizeof...(Parts)> names{Parts::about.name...};

  /// visit.operator()<Part>() of each part.
  template <class Visit>
  static void each(const Visit& visit) {
    (visit.template operator()<Parts>(), ...);
  }
  /// visit.operator()<Part>() of the part of that name, which must be one of `names`.
  template <class Visit>
  static void find(std::string_view name, const Visit& visit) {
    (void)((Parts::about.name == name && (visit.template operator()<Parts>(), true)) || ...);
  }
};

/// In the order of the paper's Table 1.
using methods = part_list<method::moco_options,       //
                          method::simsiam_options,    //
                          method::simclr_options,     //
                          method::byol_options,       //
                          method::nnclr_options,      //
                          method::fast_moco_options,  //
                          method::mncl_options>;

using optimizers = update::optimizer::any::list<part_list>;

inline method::traits traits_of(std::string_view name) {
  method::traits found;
  methods::find(name, [&]<class Options>() { found = Options::about; });
  return found;
}

}  // namespace triptych::app
