// triptych/backend/device/cuda/probe.cuh
//
// What there is: the driver, the libraries, the devices, and the devices that this build has code
// for. Included by cuda.cuh alone: these are definitions.
#pragma once

#include <cstddef>
#include <string>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#if defined(TRIPTYCH_HAS_CUDNN)
#include <cudnn.h>
#endif

#include <triptych/backend/device/cuda/options.hpp>

namespace triptych::backend {

namespace cuda_detail {

/// What this file is compiled for, in CMake's words, which the build gives; else nvcc's numbers
/// over ten; nothing where another compiler does not say.
inline std::string architectures() {
#if defined(TRIPTYCH_CUDA_ARCHITECTURES)
  return TRIPTYCH_CUDA_ARCHITECTURES;
#elif !defined(__CUDA_ARCH_LIST__)
  return {};
#else
  std::string words;
  for (const int capability : {__CUDA_ARCH_LIST__}) {
    words += (words.empty() ? "" : " ") + std::to_string(capability / 10);
  }
  return words;
#endif
}

/// Has code for exactly the devices that this build has code for.
template <int>
__global__ void nothing() {}

}  // namespace cuda_detail

cuda_state look_for_cuda(bool closely) {
  cuda_state state;
  state.architectures = cuda_detail::architectures();
  static_cast<void>(cudaRuntimeGetVersion(&state.runtime));
  static_cast<void>(cudaDriverGetVersion(&state.driver));
  int major = 0, minor = 0, patch = 0;
  if (closely && cublasGetProperty(MAJOR_VERSION, &major) == CUBLAS_STATUS_SUCCESS &&
      cublasGetProperty(MINOR_VERSION, &minor) == CUBLAS_STATUS_SUCCESS &&
      cublasGetProperty(PATCH_LEVEL, &patch) == CUBLAS_STATUS_SUCCESS) {
    state.cublas = major * 10000 + minor * 100 + patch;
  }
#if defined(TRIPTYCH_HAS_CUDNN)
  state.cudnn = static_cast<int>(cudnnGetVersion());
#endif
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());
    state.problem = state.driver == 0       ? "there is no NVIDIA driver"
                    : status != cudaSuccess ? cudaGetErrorString(status)
                                            : "the driver shows no device";
    return state;
  }
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p{};
    if (cudaGetDeviceProperties(&p, i) != cudaSuccess) continue;
    cuda_device d{i, p.name, p.major, p.minor, p.totalGlobalMem, 0, p.multiProcessorCount};
    if (closely) {
      int now = 0;
      std::size_t total = 0;
      static_cast<void>(cudaGetDevice(&now));
      if (cudaSetDevice(i) == cudaSuccess)
        static_cast<void>(cudaMemGetInfo(&d.free_memory, &total));
      static_cast<void>(cudaSetDevice(now));
    }
    state.devices.push_back(d);
  }
  static_cast<void>(cudaGetLastError());
  return state;
}

}  // namespace triptych::backend
