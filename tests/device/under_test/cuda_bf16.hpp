// The CUDA backend with feature maps in bf16. Products of floats in f32, so that the tolerances of
// other operations are those of every backend.
#pragma once

#include <string>

#include <triptych/backend/cuda.hpp>

#include "device/under_test/engine.hpp"
#include "support/watched.hpp"

namespace triptych::test {

struct device : watched<backend::cuda_bf16> {
  device() : watched<backend::cuda_bf16>(tested_options()) {}
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() {
  const auto state = backend::look_for_cuda();
  const bool old = state.problem.empty() && state.devices.front().major < 8;
  return old ? "the device has no bf16" : state.problem;
}

}  // namespace triptych::test
