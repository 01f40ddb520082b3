// triptych/backend/device/cuda/error.cuh
//
// What CUDA and cuBLAS return, as errors of the library.
#pragma once

#include <cstddef>
#include <string>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <triptych/core/error.hpp>

namespace triptych::backend::cuda_detail {

inline std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Of memory that the driver or a library asks for itself: for a kernel's code, say.
inline error out_of_memory(const char* what) {
  static_cast<void>(cudaGetLastError());  // it is reported here, not by the next launch
  return error::memory(
      std::string("cuda: ") + what +
      " failed: the device has no memory left for it; lower `batch`, `width` or `queue`");
}

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  if (status == cudaErrorMemoryAllocation) throw out_of_memory(what);
  throw error::runtime(std::string("cuda: ") + what + " failed: " + cudaGetErrorString(status) +
                       "; see `triptych doctor`, or train with `device` cpu");
}

inline void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw out_of_memory(what);
  throw error::runtime(std::string("cuda: ") + what + " failed: " + cublasGetStatusString(status) +
                       "; see `triptych doctor`, or train with `device` cpu");
}

}  // namespace triptych::backend::cuda_detail
