// triptych/backend/cuda_options.hpp
//
// What is chosen of the CUDA backend, and what a machine has for it: plain data without any CUDA
// header, so that a program can look and explain before it computes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace triptych::backend {

/// How products are computed. Operands, results and sums are float throughout.
enum class cuda_precision {
  f32,   ///< in float
  tf32,  ///< operands rounded to 10 bits after the point, on tensor cores
  bf16,  ///< operands rounded to 7 bits after the point, on tensor cores
};

enum class cuda_convolution {
  automatic,  ///< cuDNN where it is there
  gemm,       ///< patch matrices and cuBLAS
  cudnn,
};

struct cuda_options {
  int device = 0;
  cuda_precision precision = cuda_precision::tf32;
  cuda_convolution convolution = cuda_convolution::automatic;
};

struct cuda_device {
  int index;
  std::string name;
  int major, minor;                 ///< compute capability
  std::size_t memory, free_memory;  ///< bytes
  int multiprocessors;
};

struct cuda_state {
  /// Versions as the libraries print them; 0: not there.
  int driver = 0, runtime = 0, cublas = 0, cudnn = 0;
  std::string problem{};  ///< why there is no device, one clause; empty if there is one
  std::vector<cuda_device> devices{};
  std::string architectures{};  ///< compiled for, e.g. "80 90a 100 120"
};

/// What this machine has. Never throws. Defined in a build with CUDA only.
cuda_state look_for_cuda();

}  // namespace triptych::backend
