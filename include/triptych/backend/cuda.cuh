// triptych/backend/cuda.cuh
//
// The CUDA backends, defined (cuda.hpp declares them). Exactly one .cu file of a program includes
// this. Functors that a method or an optimizer launches itself are compiled there too, for sources that no
// CUDA compiler sees:
//
//   extern const auto mine = triptych::backend::launched<triptych::backend::cuda>(parts<my_optimizer>{});
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cub/util_ptx.cuh>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system_error.h>

#if defined(TRIPTYCH_HAS_CUDNN)
#include <triptych/backend/conv_engine/cudnn_conv.hpp>
#endif
#include <triptych/backend/conv_engine/gemm_conv.hpp>
#include <triptych/backend/cuda.hpp>
#include <triptych/backend/thrust_definitions.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/error.hpp>

namespace triptych::backend {

// -- errors ---------------------------------------------------------------------------------------

namespace cuda_detail {

inline std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Of memory that the driver or a library asks for itself: for a kernel's code, say.
inline error out_of_memory(const char* what) {
  static_cast<void>(cudaGetLastError());  // it is reported here, not by the next launch
  return error::memory(std::string("cuda: ") + what +
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

/// A type of numbers, as cuBLAS has it.
template <class T>
inline constexpr cudaDataType_t number = std::is_same_v<T, bf16> ? CUDA_R_16BF : CUDA_R_32F;

// -- groups of lanes ------------------------------------------------------------------------------

/// A warp; sums in the order of kernels::lanes<32>.
struct warp {
  int lane;

  template <class F>
  __host__ __device__ void each(std::int64_t n, const F& f) const {
    for (std::int64_t i = lane; i < n; i += 32) f(i);
  }

  template <class T, class F, class Combine>
  __host__ __device__ T reduce(std::int64_t n, const T& identity, const F& f,
                               const Combine& combine) const {
    T own = identity;
    for (std::int64_t i = lane; i < n; i += 32) own = combine(own, f(i));
#if defined(__CUDA_ARCH__)
    constexpr unsigned all = 0xffffffffu;
    for (int offset = 16; offset > 0; offset /= 2) {
      own = combine(own, cub::ShuffleDown<32>(own, offset, 31, all));
    }
    own = cub::ShuffleIndex<32>(own, 0, all);
#endif
    sync();
    return own;
  }

  template <class T, class F>
  __host__ __device__ T sum(std::int64_t n, const F& f) const {
    return reduce(n, T(0), f, kernels::plus{});
  }

  __host__ __device__ void sync() const {
#if defined(__CUDA_ARCH__)
    __syncwarp();  // what lanes wrote before is now seen by all of them
#endif
  }
};

inline constexpr int block_threads = 256;

template <class Functor>
__global__ void __launch_bounds__(block_threads) each_warp(std::int64_t n, Functor functor) {
  const std::int64_t i =
      static_cast<std::int64_t>(blockIdx.x) * (block_threads / 32) + threadIdx.x / 32;
  if (i < n) functor(warp{static_cast<int>(threadIdx.x % 32)}, i);
}

/// Has code for exactly the devices that this build has code for.
template <int>
__global__ void nothing() {}

}  // namespace cuda_detail

// -- memory ---------------------------------------------------------------------------------------

void* cuda_memory::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* p = nullptr;
  const cudaError_t status = cudaMalloc(&p, bytes);
  if (status == cudaSuccess) return p;
  static_cast<void>(cudaGetLastError());  // it is reported here, not by the next launch
  if (status != cudaErrorMemoryAllocation) cuda_detail::check(status, "cudaMalloc");
  std::size_t free = 0, total = 0;
  cuda_detail::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  throw error::memory("cuda: the device is out of memory: " + cuda_detail::mebibytes(bytes) +
                      " more were asked for, " + cuda_detail::mebibytes(free) + " of " +
                      cuda_detail::mebibytes(total) + " are free");
}

std::size_t cuda_memory::free_bytes() {
  std::size_t free = 0, total = 0;
  cuda_detail::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

void cuda_memory::deallocate(void* p) noexcept { static_cast<void>(cudaFree(p)); }

// -- the system -----------------------------------------------------------------------------------

namespace cuda_detail {

/// Page-locked host memory, by way of which an upload leaves the host without waiting for the device.
/// What a graph uploads stays in it until the graph has been launched and is behind it.
class upload_ring {
 public:
  upload_ring() = default;
  upload_ring(const upload_ring&) = delete;
  upload_ring& operator=(const upload_ring&) = delete;
  ~upload_ring() {
    for (cudaEvent_t e : copied_) {
      if (e != nullptr) static_cast<void>(cudaEventDestroy(e));
    }
    if (memory_ != nullptr) static_cast<void>(cudaFreeHost(memory_));
  }

  /// Returns when the numbers have left `host`; waits for the device only where it is behind by the
  /// whole ring. `recording`: of a graph, on the stream.
  void upload(cudaStream_t stream, const void* host, std::size_t bytes, void* to, bool recording) {
    if (memory_ == nullptr) make();
    if (recording && recorded_ + (bytes + part - 1) / part > copied_.size()) {
      throw error::usage("a graph can make " + std::to_string(copied_.size()) + " uploads of " +
                         std::to_string(part >> 10) + " KiB and this one wants more; upload before it");
    }
    for (std::size_t first = 0; first < bytes; first += part) {
      const std::size_t n = std::min(part, bytes - first);
      void* const slot = static_cast<std::byte*>(memory_) + next_ * part;
      cudaEvent_t const copied = copied_[next_];
      next_ = after(next_);
      check(cudaEventSynchronize(copied), "a wait for an upload");
      std::memcpy(slot, static_cast<const std::byte*>(host) + first, n);
      check(cudaMemcpyAsync(static_cast<std::byte*>(to) + first, slot, n, cudaMemcpyHostToDevice,
                            stream),
            "an upload");
      if (recording) {
        ++recorded_;
      } else {
        check(cudaEventRecord(copied, stream), "the mark behind an upload");
      }
    }
  }

  /// The graph has been launched on the stream.
  void launched(cudaStream_t stream) {
    std::size_t slot = (next_ + copied_.size() - recorded_) % copied_.size();
    for (; recorded_ > 0; --recorded_, slot = after(slot)) {
      check(cudaEventRecord(copied_[slot], stream), "the mark behind a graph");
    }
  }
  /// A graph that has not been launched will not be.
  void dropped() { recorded_ = 0; }

 private:
  static constexpr std::size_t part = std::size_t{256} << 10;

  void make() {
    check(cudaMallocHost(&memory_, part * copied_.size()), "cudaMallocHost");
    for (cudaEvent_t& e : copied_) {
      check(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), "cudaEventCreate");
    }
  }

  [[nodiscard]] std::size_t after(std::size_t slot) const { return (slot + 1) % copied_.size(); }

  void* memory_ = nullptr;
  std::array<cudaEvent_t, 64> copied_{};
  std::size_t next_ = 0;
  std::size_t recorded_ = 0;  ///< slots before `next_` that belong to the graph being recorded
};

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
  buffer<std::byte, cuda_memory> cublas_workspace;
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
  handles_->cublas_workspace = buffer<std::byte, cuda_memory>(bytes, "cuBLAS's workspace");
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
  // Relaxed: memory may be asked for meanwhile, and libraries may look at what is not this stream's.
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

// -- what there is --------------------------------------------------------------------------------

cuda_state look_for_cuda(bool with_free_memory) {
  cuda_state state;
  state.architectures = cuda_detail::architectures();
  static_cast<void>(cudaRuntimeGetVersion(&state.runtime));
  static_cast<void>(cudaDriverGetVersion(&state.driver));
  int major = 0, minor = 0, patch = 0;
  if (cublasGetProperty(MAJOR_VERSION, &major) == CUBLAS_STATUS_SUCCESS &&
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
    if (with_free_memory) {
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

// -- convolutions ---------------------------------------------------------------------------------

namespace triptych::conv_engine {

#if !defined(TRIPTYCH_HAS_CUDNN)
enum class pass { forward, backward_data, backward_weights };
#endif

struct cuda_any::engines {
  gemm_conv gemm;
#if defined(TRIPTYCH_HAS_CUDNN)
  cudnn_conv cudnn;

  template <class T, class Work>
  void choose(const convolution::geometry& g, pass p, const backend::cuda_options& o,
              bool accumulate, const Work& work) {
    using kind = backend::cuda_convolution;
    cudnn.exact = o.precision == backend::cuda_precision::f32;
    if (o.convolution == kind::cudnn ||
        (o.convolution == kind::automatic && cudnn.takes<T>(g, p, accumulate))) {
      work(cudnn);
    } else {
      work(gemm);
    }
  }
#else
  template <class T, class Work>
  void choose(const convolution::geometry&, pass, const backend::cuda_options&, bool,
              const Work& work) {
    work(gemm);
  }
#endif
};

cuda_any::cuda_any() : engines_(std::make_unique<engines>()) {}
cuda_any::~cuda_any() = default;

template <class B, class T>
void cuda_any::forward(B& backend, const convolution::geometry& g, const T* x, const float* w,
                       T* y) {
  engines_->choose<T>(g, pass::forward, backend.system().options(), false,
                      [&](auto& engine) { engine.forward(backend, g, x, w, y); });
}
template <class B, class T>
void cuda_any::backward_data(B& backend, const convolution::geometry& g, const T* dy,
                             const float* w, T* dx, bool accumulate) {
  engines_->choose<T>(
      g, pass::backward_data, backend.system().options(), accumulate,
      [&](auto& engine) { engine.backward_data(backend, g, dy, w, dx, accumulate); });
}
template <class B, class T>
void cuda_any::backward_weights(B& backend, const convolution::geometry& g, const T* x, const T* dy,
                                float* dw, bool accumulate) {
  engines_->choose<T>(
      g, pass::backward_weights, backend.system().options(), accumulate,
      [&](auto& engine) { engine.backward_weights(backend, g, x, dy, dw, accumulate); });
}

}  // namespace triptych::conv_engine

// -- instances ------------------------------------------------------------------------------------

namespace triptych::backend {

template class thrust_algorithms<cuda_system, conv_engine::cuda_any>;
template class thrust_algorithms<cuda_system, conv_engine::cuda_any, bf16>;

// Operations that are templates themselves.
#define TRIPTYCH_INSTANTIATE(B, T)                                                                 \
  template void B::add(const T*, std::size_t, T*);                                                 \
  template void B::batch_norm_forward(const norm_shape&, const T*, const float*, const float*,     \
                                      float, const T*, bool, running_statistics<float>, float*,    \
                                      float*, T*);                                                 \
  template void B::batch_norm_evaluate(std::int64_t, int, const T*, const float*, const float*,    \
                                       float, const float*, const float*, const T*, bool, T*);     \
  template void B::batch_norm_backward(const norm_shape&, const T*, const T*, const float*,        \
                                       const float*, const float*, T*, float*, float*, T*);
TRIPTYCH_INSTANTIATE(cuda, float)
TRIPTYCH_INSTANTIATE(cuda_bf16, float)
TRIPTYCH_INSTANTIATE(cuda_bf16, bf16)
#undef TRIPTYCH_INSTANTIATE

namespace cuda_detail {

template <class B, class... Functors>
auto addresses(kernels::launch_list<Functors...>) {
  return std::make_tuple(static_cast<void (B::*)(std::size_t, const Functors&)>(&B::each)...,
                         static_cast<void (B::*)(std::size_t, const Functors&)>(&B::commit_each)...);
}

template <class B, class Part>
auto addresses_of() {
  if constexpr (requires { typename Part::template launches<typename B::real>; }) {
    return addresses<B>(typename Part::template launches<typename B::real>());
  } else {
    return std::tuple();
  }
}

template <class B, class... Parts>
auto addresses_of_all() {
  return std::tuple_cat(addresses_of<B, Parts>()...);
}

}  // namespace cuda_detail

/// Where each of the backends launches each functor in the `launches` of the parts: an object with external
/// linkage that holds this makes the compiler emit them.
template <class... Backends, template <class...> class List, class... Parts>
auto launched(List<Parts...>) {
  return std::tuple_cat(cuda_detail::addresses_of_all<Backends, Parts...>()...);
}

}  // namespace triptych::backend
