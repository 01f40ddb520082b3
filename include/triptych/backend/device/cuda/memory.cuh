// triptych/backend/device/cuda/memory.cuh
//
// Device memory, and how numbers of the host get there without the host waiting.
// Included by cuda.cuh alone: these are definitions.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include <cuda_runtime_api.h>

#include <triptych/backend/device/cuda/error.cuh>
#include <triptych/backend/device/cuda/system.hpp>
#include <triptych/core/error.hpp>

namespace triptych::backend {

void* cuda_allocator::allocate(std::size_t bytes) {
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

std::size_t cuda_allocator::free_bytes() {
  std::size_t free = 0, total = 0;
  cuda_detail::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

void cuda_allocator::deallocate(void* p) noexcept { static_cast<void>(cudaFree(p)); }

namespace cuda_detail {

/// Page-locked host memory, by way of which an upload leaves the host without waiting for the
/// device. What a graph uploads stays in it until the graph has been launched and is behind it.
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
                         std::to_string(part >> 10) +
                         " KiB and this one wants more; upload before it");
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

}  // namespace cuda_detail

}  // namespace triptych::backend
