// The CUDA backend in f32, convolutions as matrix products.
#pragma once

#include <string>

#include <triptych/backend/cuda.hpp>

namespace triptych::test {

struct device : backend::cuda {
  device()
      : backend::cuda(backend::cuda_options{.precision = backend::cuda_precision::f32,
                                            .convolution = backend::cuda_convolution::gemm}) {}
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() { return backend::look_for_cuda().problem; }

}  // namespace triptych::test
