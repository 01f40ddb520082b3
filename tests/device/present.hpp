// Is the device under test there? Where it is not, a test says so and ctest counts it as skipped.
#pragma once

#include "support/catch.hpp"

namespace triptych::test {

inline bool present() {
  const std::string reason = missing();
  if (reason.empty()) return true;
  WARN("skipped: " << reason);
  return false;
}

}  // namespace triptych::test
