// triptych/backend/device/cuda/system.cuh
//
// The system of the CUDA backends: one stream of a device, on which Thrust, cuBLAS and graphs
// launch. Included by cuda.cuh alone: these are definitions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system_error.h>

#include <triptych/backend/device/cuda/error.cuh>
#include <triptych/backend/device/cuda/memory.cuh>
#include <triptych/backend/device/cuda/probe.cuh>
#include <triptych/backend/device/cuda/system.hpp>
#include <triptych/backend/device/cuda/warp.cuh>
#include <triptych/core/bf16.hpp>
#include <triptych/core/error.hpp>

namespace triptych::backend {

namespace cuda_detail {

/// A type of numbers, as cuBLAS has it.
template <class T>
inline constexpr cudaDataType_t number = std::is_same_v<T, bf16> ? CUDA_R_16BF : CUDA_R_32F;

struct destroy_graph {
  using pointer = cudaGraph_t;
  void operator()(cudaGraph_t graph) const noexcept { static_cast<void>(cudaGraphDestroy(graph)); }
};
using graph = std::unique_ptr<cudaGraph_t, destroy_graph>;

}  // namespace cuda_detail

struct cuda_system::handles {
  cudaStream_t stream = nullptr;
  cuda_detail::upload_ring uploads;
  cublasHandle_t cublas = nullptr;
  buffer<std::byte, cuda_allocator> cublas_workspace;
  cudaGraphExec_t graph = nullptr;  ///< the last that was launched
  bool recording = false;

  ~handles() {
    if (graph != nullptr) static_cast<void>(cudaGraphExecDestroy(graph));
    if (cublas != nullptr) static_cast<void>(cublasDestroy(cublas));
    if (stream != nullptr) static_cast<void>(cudaStreamDestroy(stream));
  }
};

cuda_system::cuda_system(const cuda_options& options)
    : options_(options), handles_(std::make_unique<handles>()) {
  using cuda_detail::check;
  const cuda_state state = look_for_cuda();
  if (!state.problem.empty()) {
    throw error::usage("no CUDA device can be used: " + state.problem +
                       "; see `triptych doctor`, or train with `device` cpu");
  }
  const auto found = std::find_if(state.devices.begin(), state.devices.end(),
                                  [&](const cuda_device& d) { return d.index == options.device; });
  if (found == state.devices.end()) {
    throw error::usage("there is no CUDA device " + std::to_string(options.device) + ", only " +
                       std::to_string(state.devices.size()) +
                       ", counted from 0; choose one of `triptych doctor`");
  }
  const cuda_device& d = *found;
  check(cudaSetDevice(options.device), "cudaSetDevice");
  cudaFuncAttributes attributes{};
  const cudaError_t code = cudaFuncGetAttributes(&attributes, cuda_detail::nothing<0>);
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction) {
    static_cast<void>(cudaGetLastError());
    throw error::usage(
        d.name + " has compute capability " + std::to_string(d.major) + "." +
        std::to_string(d.minor) + " and this build is for " + state.architectures +
        "; configure it with -DCMAKE_CUDA_ARCHITECTURES=" + std::to_string(10 * d.major + d.minor));
  }
  check(code, "loading the program's code");
#if !defined(TRIPTYCH_HAS_CUDNN)
  if (options.convolution == cuda_convolution::cudnn) {
    throw error::usage("this build has no cuDNN; configure it with -DTRIPTYCH_WITH_CUDNN=ON, or "
                       "choose `conv-engine` gemm");
  }
#endif
  if (options.precision == cuda_precision::bf16 && d.major < 8) {
    throw error::usage("`precision` bf16 needs compute capability 8.0 or more; choose f32, or for "
                       "a run that goes on `device` cpu");
  }
  check(cudaStreamCreateWithFlags(&handles_->stream, cudaStreamNonBlocking), "cudaStreamCreate");
  check(cublasCreate(&handles_->cublas), "cublasCreate");
  check(cublasSetStream(handles_->cublas, handles_->stream), "cublasSetStream");
  // Sums in float, also where the result is bf16 and the work is split along the sum.
  check(cublasSetMathMode(handles_->cublas, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
        "cublasSetMathMode");
  // With a workspace of its own on one stream cuBLAS gives the same bits from run to run.
  constexpr std::size_t bytes = std::size_t{32} << 20;
  handles_->cublas_workspace = buffer<std::byte, cuda_allocator>(bytes, "cuBLAS's workspace");
  check(cublasSetWorkspace(handles_->cublas, handles_->cublas_workspace.data(), bytes),
        "cublasSetWorkspace");
}

cuda_system::~cuda_system() {
  if (handles_ != nullptr && handles_->stream != nullptr) {
    static_cast<void>(cudaStreamSynchronize(handles_->stream));
  }
}

void* cuda_system::stream() const noexcept { return handles_->stream; }

template <class Functor>
void cuda_system::each(std::int64_t n, const Functor& f) const {
  if (n == 0) return;
  try {
    thrust::for_each_n(thrust::cuda::par_nosync.on(handles_->stream),
                       thrust::counting_iterator<std::int64_t>(0), n, f);
  } catch (const thrust::system_error& e) {
    if (e.code().value() == cudaErrorMemoryAllocation) throw cuda_detail::out_of_memory("a launch");
    throw error::runtime(std::string("cuda: a launch failed: ") + e.what() +
                         "; see `triptych doctor`, or train with `device` cpu");
  }
}

template <class Functor>
void cuda_system::each_group(std::int64_t n, const Functor& f) const {
  if (n == 0) return;
  constexpr std::int64_t groups = cuda_detail::block_threads / 32;
  const auto blocks = static_cast<unsigned>((n + groups - 1) / groups);
  cuda_detail::each_warp<<<blocks, cuda_detail::block_threads, 0, handles_->stream>>>(n, f);
  cuda_detail::check(cudaGetLastError(), "a launch");
}

void cuda_system::copy(const void* from, std::size_t bytes, void* to) const {
  if (bytes == 0) return;
  cuda_detail::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, handles_->stream),
                     "a copy");
}

void cuda_system::upload(const void* host, std::size_t bytes, void* to) const {
  handles_->uploads.upload(handles_->stream, host, bytes, to, handles_->recording);
}

void cuda_system::download(const void* from, std::size_t bytes, void* host) const {
  if (bytes > 0) {
    cuda_detail::check(cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, handles_->stream),
                       "a download");
  }
  cuda_detail::check(cudaStreamSynchronize(handles_->stream), "the work before a download");
}

void cuda_system::as_graph(const std::function<void()>& work) const {
  using cuda_detail::check;
  handles& h = *handles_;
  struct recording {
    handles& of;
    ~recording() {
      of.recording = false;
      of.uploads.dropped();  // unless they were launched
    }
  } const scope{h};
  cudaGraph_t made = nullptr;
  // Relaxed: memory may be asked for meanwhile, and libraries may look at what is not this
  // stream's.
  check(cudaStreamBeginCapture(h.stream, cudaStreamCaptureModeRelaxed), "the begin of a graph");
  h.recording = true;
  try {
    work();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(h.stream, &made));
    static_cast<void>(cudaGetLastError());
    const cuda_detail::graph dropped(made);
    throw;
  }
  check(cudaStreamEndCapture(h.stream, &made), "the end of a graph");
  const cuda_detail::graph recorded(made);
  if (h.graph != nullptr) {
    cudaGraphExecUpdateResultInfo difference{};
    if (cudaGraphExecUpdate(h.graph, made, &difference) != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      static_cast<void>(cudaGraphExecDestroy(std::exchange(h.graph, nullptr)));
    }
  }
  if (h.graph == nullptr) check(cudaGraphInstantiate(&h.graph, made, 0), "making a graph");
  check(cudaGraphLaunch(h.graph, h.stream), "the launch of a graph");
  h.uploads.launched(h.stream);
}

template <class T, class Result>
void cuda_system::gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k,
                       float alpha, const T* a, const T* b, float beta, Result* c) const {
  if (m == 0 || n == 0) return;
  const bool at = ta == transpose::yes, bt = tb == transpose::yes;
  constexpr cudaDataType_t in = cuda_detail::number<T>, out = cuda_detail::number<Result>;
  const bool exact = in != CUDA_R_32F || options_.precision == cuda_precision::f32;
  // Row-major is column-major transposed: cᵀ = op(b)ᵀ op(a)ᵀ.
  cuda_detail::check(cublasGemmEx_64(handles_->cublas, bt ? CUBLAS_OP_T : CUBLAS_OP_N,
                                     at ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k, &alpha, b, in,
                                     bt ? k : n, a, in, at ? m : k, &beta, c, out, n,
                                     exact ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32,
                                     CUBLAS_GEMM_DEFAULT),
                     "a matrix product");
}

}  // namespace triptych::backend
