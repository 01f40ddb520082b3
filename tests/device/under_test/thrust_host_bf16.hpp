// The device backend on the host, its feature maps in bf16.
#pragma once

#include <string>

#include <triptych/backend/thrust_host.hpp>

#include "support/watched.hpp"

namespace triptych::test {

using device = watched<backend::thrust_host_bf16>;

/// Why there is nothing to test here; empty where there is.
inline std::string missing() { return {}; }

}  // namespace triptych::test
