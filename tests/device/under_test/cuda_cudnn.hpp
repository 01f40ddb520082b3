// The CUDA backend in f32, convolutions by cuDNN.
#pragma once

#include <string>

#include <triptych/backend/cuda.hpp>

namespace triptych::test {

struct device : backend::cuda {
  device()
      : backend::cuda(backend::cuda_options{.precision = backend::cuda_precision::f32,
                                            .convolution = backend::cuda_convolution::cudnn}) {}
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() {
  const auto state = backend::look_for_cuda();
  return state.cudnn == 0 ? "this build has no cuDNN" : state.problem;
}

}  // namespace triptych::test
