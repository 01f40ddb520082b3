// The CUDA backend in f32.
#pragma once

#include <string>

#include <triptych/backend/cuda.hpp>

#include "device/under_test/engine.hpp"
#include "support/watched.hpp"

namespace triptych::test {

struct device : watched<backend::cuda> {
  device() : watched<backend::cuda>(tested_options()) {}
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() { return backend::look_for_cuda().problem; }

}  // namespace triptych::test
