// The device backend on the host.
#pragma once

#include <string>
#include <tuple>

#include <triptych/backend/thrust_host.hpp>

#include "support/watched.hpp"

namespace triptych::test {

using device = watched<backend::thrust_host>;

/// Why there is nothing to test here; empty where there is.
inline std::string missing() { return {}; }

}  // namespace triptych::test
