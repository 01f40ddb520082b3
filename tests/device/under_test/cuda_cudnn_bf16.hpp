// The CUDA backend with feature maps in bf16, convolutions by cuDNN.
#pragma once

#include <string>

#include <triptych/backend/cuda.hpp>

namespace triptych::test {

struct device : backend::cuda_bf16 {
  device()
      : backend::cuda_bf16(backend::cuda_options{.precision = backend::cuda_precision::f32,
                                                 .convolution = backend::cuda_convolution::cudnn}) {
  }
};

/// Why there is nothing to test here; empty where there is.
inline std::string missing() {
  const auto state = backend::look_for_cuda();
  if (state.cudnn == 0) return "this build has no cuDNN";
  return state.problem.empty() && state.devices[0].major < 8 ? "the device has no bf16"
                                                             : state.problem;
}

}  // namespace triptych::test
