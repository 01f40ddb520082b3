// The convolution engine under test: matrix products, or cuDNN where the environment's
// TRIPTYCH_TEST_ENGINE says so. One program is run for both.
#pragma once

#include <cstdlib>
#include <string>

#include <triptych/backend/device/cuda/options.hpp>

namespace triptych::test {

inline backend::cuda_options tested_options() {
  const char* engine = std::getenv("TRIPTYCH_TEST_ENGINE");
  const bool by_cudnn = engine != nullptr && std::string(engine) == "cudnn";
  return {.precision = backend::cuda_precision::f32,
          .convolution =
              by_cudnn ? backend::cuda_convolution::cudnn : backend::cuda_convolution::gemm};
}

}  // namespace triptych::test
