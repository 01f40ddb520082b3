// triptych/backend/thrust_host.hpp
//
// The device backend on the host: every functor and every launch of the GPU's path, compiled by an
// ordinary C++ compiler, for tests and sanitizers. Slow, and not meant for training.
//
// Thrust's macro THRUST_DEVICE_SYSTEM says who runs the launches: one thread (CPP) or OpenMP's
// (OMP). CMake's target triptych::thrust_host sets it. Lanes are emulated in the order of a GPU's
// warp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include <triptych/backend/device/convolution/gemm_conv.hpp>
#include <triptych/backend/device/thrust_definitions.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/eigen_blocking.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::backend {

class host_system {
 public:
  using allocator = host_allocator;
  /// Bytes of a patch matrix: small, so that tests cut batches into parts.
  static constexpr std::size_t workspace = std::size_t{1} << 16;

  /// `threads` is there for likeness with other backends: OpenMP has its own ways of setting it.
  explicit host_system(int /*threads*/ = 0) { fix_eigen_blocking(); }

  template <class Functor>
  void each(std::int64_t n, const Functor& f) const {
    launch([=] {
      thrust::for_each_n(thrust::device, thrust::counting_iterator<std::int64_t>(0), n, f);
    });
  }
  template <class Functor>
  void each_group(std::int64_t n, const Functor& f) const {
    each(n, with_group<Functor>{f});
  }

  void copy(const void* from, std::size_t bytes, void* to) const {
    launch([=] {
      if (bytes > 0) std::memmove(to, from, bytes);
    });
  }
  /// The numbers are the host's to change when this returns.
  void upload(const void* host, std::size_t bytes, void* to) const {
    if (recorded_ == nullptr) return copy(host, bytes, to);
    const auto* const first = static_cast<const std::byte*>(host);
    launch([to, left = std::vector<std::byte>(first, first + bytes)] {
      std::copy(left.begin(), left.end(), static_cast<std::byte*>(to));
    });
  }
  void download(const void* from, std::size_t bytes, void* host) const {
    copy(from, bytes, host);
    ++downloads_;
  }

  /// Nothing is done before work() has returned, as on a GPU.
  void as_graph(const std::function<void()>& work) const {
    std::vector<std::function<void()>> launches;
    recorded_ = &launches;
    try {
      work();
    } catch (...) {
      recorded_ = nullptr;
      throw;
    }
    recorded_ = nullptr;
    for (const auto& each : launches) each();
    ++graphs_;
  }
  [[nodiscard]] std::int64_t graphs() const { return graphs_; }

  /// How often the host has looked: on a GPU it would have waited each time.
  [[nodiscard]] std::int64_t downloads() const { return downloads_; }

  template <class T, class Result>
  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
            const T* a, const T* b, float beta, Result* c) const {
    launch([=] {
      if constexpr (std::is_same_v<T, float> && std::is_same_v<Result, float>) {
        product(ta, tb, m, n, k, alpha, a, b, beta, c);
      } else {
        const std::vector<float> left(a, a + m * k), right(b, b + k * n);
        std::vector<float> result(static_cast<std::size_t>(m * n));
        if (beta != 0.0f) result.assign(c, c + m * n);
        product(ta, tb, m, n, k, alpha, left.data(), right.data(), beta, result.data());
        std::copy(result.begin(), result.end(), c);
      }
    });
  }

 private:
  /// Now, or with the graph that is being recorded.
  template <class Launch>
  void launch(const Launch& work) const {
    if (recorded_ == nullptr) {
      work();
    } else {
      recorded_->emplace_back(work);
    }
  }

  static void product(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k,
                      float alpha, const float* a, const float* b, float beta, float* c) {
    using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const bool at = ta == transpose::yes, bt = tb == transpose::yes;
    const Eigen::Map<const matrix> left(a, at ? k : m, at ? m : k),
        right(b, bt ? n : k, bt ? k : n);
    Eigen::Map<matrix> result(c, m, n);
    if (beta == 0.0f) {
      result.setZero();
    } else if (beta != 1.0f) {
      result *= beta;
    }
    if (at && bt) result.noalias() += alpha * (left.transpose() * right.transpose());
    if (at && !bt) result.noalias() += alpha * (left.transpose() * right);
    if (!at && bt) result.noalias() += alpha * (left * right.transpose());
    if (!at && !bt) result.noalias() += alpha * (left * right);
  }

  mutable std::int64_t downloads_ = 0, graphs_ = 0;
  mutable std::vector<std::function<void()>>* recorded_ = nullptr;

  template <class Functor>
  struct with_group {
    Functor functor;
    void operator()(std::int64_t i) const { functor(kernels::lanes<32>{}, i); }
  };
};

using thrust_host = thrust_algorithms<device_parts<host_system, conv_engine::gemm_conv>>;
/// Feature maps in bf16.
using thrust_host_bf16 = thrust_algorithms<device_parts<host_system, conv_engine::gemm_conv, bf16>>;

}  // namespace triptych::backend
