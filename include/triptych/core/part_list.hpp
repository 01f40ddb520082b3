// triptych/core/part_list.hpp
//
// A list of types that can be chosen by name: the methods (method/all.hpp), the optimizers
// (update/optimizer/any.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych {

/// Types that say their name, in `about.name`.
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

}  // namespace triptych
