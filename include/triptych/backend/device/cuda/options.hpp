// triptych/backend/device/cuda/options.hpp
//
// What the CUDA backend can be told and what can be learned of the machine: plain data, needs
// nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::backend {

/// How matrix products and convolutions of floats round their operands. Sums are f32.
enum class cuda_precision {
  f32,   ///< not at all: no tensor cores
  tf32,  ///< to 10 bits behind the point
  bf16,  ///< as tf32; and maps, with their convolutions, in bf16: that is backend::cuda_bf16
};

/// Who computes convolutions (docs/conv_engines.md).
enum class cuda_convolution {
  automatic,  ///< cuDNN where the build has it and it takes the shape, else matrix products
  gemm,       ///< patch matrices and cuBLAS
  cudnn,      ///< cuDNN; a shape that it does not take is an error
};

struct cuda_options {
  int device = 0;
  cuda_precision precision = cuda_precision::tf32;
  cuda_convolution convolution = cuda_convolution::automatic;
};

struct cuda_device {
  int index = 0;
  std::string name{};
  int major = 0, minor = 0;                 ///< compute capability
  std::size_t memory = 0, free_memory = 0;  ///< bytes
  int multiprocessors = 0;
};

/// What there is of CUDA. Versions as the libraries print them (13000 is 13.0), 0 where there is
/// none.
struct cuda_state {
  int driver = 0, runtime = 0, cublas = 0, cudnn = 0;
  std::string problem{};  ///< why no device can be used, one clause; empty where one can
  std::vector<cuda_device> devices{};
  std::string architectures{};  ///< compiled for, in CMake's words: "80-real 90a"
};

/// Looks; never throws. Defined where the CUDA backend is compiled (backend/cuda.cuh).
/// Only a close look finds cuBLAS's version and free memory; it loads the one, which takes 0.1 s,
/// and makes a context on every device, which stays.
cuda_state look_for_cuda(bool closely = false);

}  // namespace triptych::backend
