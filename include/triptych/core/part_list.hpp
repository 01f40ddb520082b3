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

  /// Calls `visit.operator()` for each part, its type the template argument.
  template <class Visit>
  static void each(const Visit& visit) {
    (visit.template operator()<Parts>(), ...);
  }
  /// The same for the part of that name, which must be one of `names`.
  template <class Visit>
  static void find(std::string_view name, const Visit& visit) {
    (void)((Parts::about.name == name && (visit.template operator()<Parts>(), true)) || ...);
  }
};

}  // namespace triptych
