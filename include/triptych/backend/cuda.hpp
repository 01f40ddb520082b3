// triptych/backend/cuda.hpp
//
// The CUDA backends: matrix products by cuBLAS, all else by the functors of kernels/ that Thrust
// launches on one stream. The operations are those of device/thrust_algorithms.hpp.
//
//   cuda        float everywhere
//   cuda_bf16   feature maps in bf16, and the products of convolutions; all else is float: mixed
//               precision, on devices of compute capability 8.0 and more
//
// Only declarations, no CUDA header: networks, methods and programs over this backend are compiled
// by an ordinary compiler. Its definitions are compiled once in a program, by nvcc:
//
//   // cuda.cu
//   #include <triptych/backend/cuda.cuh>
//
// Same bits from run to run on one kind of GPU with one version of the libraries. A backend is used
// from the thread that made it, and all backends of a thread are on one device: CUDA's choice of a
// device is a thread's.
#pragma once

#include <triptych/backend/device/convolution/cuda_any.hpp>
#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/backend/device/cuda/system.hpp>
#include <triptych/backend/device/thrust_algorithms.hpp>
#include <triptych/core/bf16.hpp>

namespace triptych::backend {

using cuda = thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any>>;
using cuda_bf16 = thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any, bf16>>;

extern template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any>>;
extern template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any, bf16>>;

}  // namespace triptych::backend
