// The CUDA backend in f32; convolutions as matrix products, or by cuDNN where the environment's
// TRIPTYCH_TEST_ENGINE says so: one program is run for both.
#pragma once

#include <cstdlib>
#include <string>

#include <triptych/backend/cuda.hpp>

namespace triptych::test {

inline bool by_cudnn() {
  const char* engine = std::getenv("TRIPTYCH_TEST_ENGINE");
  return engine != nullptr && std::string(engine) == "cudnn";
}

struct device : backend::cuda {
  device()
      : backend::cuda(backend::cuda_options{
            .precision = backend::cuda_precision::f32,
            .convolution = by_cudnn() ? backend::cuda_convolution::cudnn
                                      : backend::cuda_convolution::gemm}) {}
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() { return backend::look_for_cuda().problem; }

}  // namespace triptych::test
