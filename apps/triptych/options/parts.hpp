// apps/triptych/options/parts.hpp
//
// The parts of the library that a run chooses by name; what their options list becomes the app's
// (described.hpp).
#pragma once

#include <string_view>

#include <triptych/core/part_list.hpp>
#include <triptych/method/all.hpp>
#include <triptych/update/optimizer/any.hpp>

namespace triptych::app {

using methods = method::all;
using optimizers = update::optimizer::any::in<part_list>;

inline method::traits traits_of(std::string_view name) {
  method::traits found;
  methods::find(name, [&]<class Options>() { found = Options::about; });
  return found;
}

}  // namespace triptych::app
