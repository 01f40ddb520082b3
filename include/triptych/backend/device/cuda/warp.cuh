// triptych/backend/device/cuda/warp.cuh
//
// A warp as a group of lanes (kernels/group.hpp), and the kernel that gives each warp a functor to
// run.
#pragma once

#include <cstdint>

#include <cub/util_ptx.cuh>

#include <triptych/kernels/group.hpp>

namespace triptych::backend::cuda_detail {

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

}  // namespace triptych::backend::cuda_detail
