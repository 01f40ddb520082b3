// triptych/backend/device/cuda/system.hpp
//
// The system of the CUDA backends, declared: no CUDA header is needed. system.cuh defines it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::backend {

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
  /// As a CUDA graph. The one before it takes the new arguments where its launches are the same,
  /// and is made anew where they are not.
  void as_graph(const std::function<void()>& work) const;
  template <class T, class Result>
  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
            const T* a, const T* b, float beta, Result* c) const;

 private:
  struct handles;
  cuda_options options_;
  std::unique_ptr<handles> handles_;
};

}  // namespace triptych::backend
