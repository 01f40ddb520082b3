// triptych/update/copy.hpp
//
// The stop-gradient network's update. Its weights equal its peer's at every forward pass, so it
// reads them where they are and owns none (method.md section 1).
#pragma once

#include <triptych/update/policy.hpp>

namespace triptych::update {

struct copy {
  static constexpr source from = source::alias;
};

}  // namespace triptych::update
