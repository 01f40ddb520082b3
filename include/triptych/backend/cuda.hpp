// triptych/backend/cuda.hpp
//
// The CUDA backends: matrix products by cuBLAS, all else by the functors of kernels/ that Thrust
// launches on one stream. The operations are those of device/thrust_algorithms.hpp.
//
//   cuda        float everywhere
//   cuda_bf16   feature maps in bf16, and the products of convolutions; all else is float: mixed
//               precision, on devices of compute capability 8.0 and more
//
// Only declarations, no CUDA header: networks, methods and programs over this backend are compiled by an
// ordinary compiler. Its definitions are compiled once in a program, by nvcc:
//
//   // cuda.cu
//   #include <triptych/backend/cuda.cuh>
//
// Same bits from run to run on one kind of GPU with one version of the libraries. A backend is used from
// the thread that made it, and all backends of a thread are on one device: CUDA's choice of a device is a thread's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/backend/device/thrust_algorithms.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych {

namespace backend {

/// Device memory. Throws error::memory that says how much was asked for and how much is free.
struct cuda_allocator {
  static void* allocate(std::size_t bytes);
  static void deallocate(void* p) noexcept;
  [[nodiscard]] static std::size_t free_bytes();
};

/// A device, a stream on it, and cuBLAS. What thrust_algorithms asks of a system.
class cuda_system {
 public:
  using allocator = cuda_allocator;
  /// Bytes of a patch matrix.
  static constexpr std::size_t workspace = std::size_t{256} << 20;

  /// Throws error::usage where there is no such device or this build has no code for it.
  explicit cuda_system(const cuda_options& options = {});
  ~cuda_system();

  [[nodiscard]] const cuda_options& options() const noexcept { return options_; }
  /// The stream, a cudaStream_t.
  [[nodiscard]] void* stream() const noexcept;

  template <class Functor>
  void each(std::int64_t n, const Functor& f) const;
  template <class Functor>
  void each_group(std::int64_t n, const Functor& f) const;

  void copy(const void* from, std::size_t bytes, void* to) const;
  void upload(const void* host, std::size_t bytes, void* to) const;
  void download(const void* from, std::size_t bytes, void* host) const;
  /// As a CUDA graph. The one before it takes the new arguments where its launches are the same, and is
  /// made anew where they are not.
  void as_graph(const std::function<void()>& work) const;
  template <class T, class Result>
  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
            const T* a, const T* b, float beta, Result* c) const;

 private:
  struct handles;
  cuda_options options_;
  std::unique_ptr<handles> handles_;
};

}  // namespace backend

namespace conv_engine {

/// The engine that cuda_options::convolution names.
class cuda_any {
 public:
  cuda_any();
  ~cuda_any();

  template <class B, class T>
  void forward(B& backend, const convolution::geometry& g, const T* x, const float* w, T* y);
  template <class B, class T>
  void backward_data(B& backend, const convolution::geometry& g, const T* dy, const float* w, T* dx,
                     bool accumulate);
  template <class B, class T>
  void backward_weights(B& backend, const convolution::geometry& g, const T* x, const T* dy,
                        float* dw, bool accumulate);

 private:
  struct engines;
  std::unique_ptr<engines> engines_;
};

}  // namespace conv_engine

namespace backend {

using cuda = thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any>>;
using cuda_bf16 = thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any, bf16>>;

extern template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any>>;
extern template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any, bf16>>;

}  // namespace backend

}  // namespace triptych
