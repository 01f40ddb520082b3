// triptych/backend/cuda.cuh
//
// The CUDA backends, defined (cuda.hpp declares them). Exactly one .cu file of a program includes
// this. Functors that a method or an optimizer launches itself are compiled there too, for sources
// that no CUDA compiler sees:
//
//   extern const auto mine = triptych::backend::launched<triptych::backend::cuda>(parts<my_optimizer>{});
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>

#include <triptych/backend/cuda.hpp>
#if defined(TRIPTYCH_HAS_CUDNN)
#include <triptych/backend/device/convolution/cudnn_conv.hpp>
#endif
#include <triptych/backend/device/convolution/gemm_conv.hpp>
#include <triptych/backend/device/cuda/memory.cuh>
#include <triptych/backend/device/cuda/probe.cuh>
#include <triptych/backend/device/cuda/system.cuh>
#include <triptych/backend/device/thrust_definitions.hpp>
#include <triptych/core/bf16.hpp>

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

template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any>>;
template class thrust_algorithms<device_parts<cuda_system, conv_engine::cuda_any, bf16>>;

// Operations that are templates themselves.
#define TRIPTYCH_INSTANTIATE(B, T)                                                                 \
  template void B::add(const T*, std::size_t, T*);                                                 \
  template void B::batch_norm_moments(const norm_shape&, const T*, moment*);                       \
  template void B::batch_norm_apply(const norm_shape&, const T*, const float*, const float*,       \
                                    const T*, bool, T*);                                           \
  template void B::batch_norm_sums(const norm_shape&, const T*, const T*, const float*,            \
                                   const float*, T*, double*, float*, float*);                     \
  template void B::batch_norm_gradient(const norm_shape&, std::int64_t, const T*, const T*,        \
                                       const float*, const float*, const float*, const double*,    \
                                       T*);
TRIPTYCH_INSTANTIATE(cuda, float)
TRIPTYCH_INSTANTIATE(cuda_bf16, float)
TRIPTYCH_INSTANTIATE(cuda_bf16, bf16)
#undef TRIPTYCH_INSTANTIATE

namespace cuda_detail {

template <class B, class Functor>
auto addresses_of_one() {
  if constexpr (std::is_invocable_v<const Functor&, std::size_t>) {
    return std::make_tuple(static_cast<void (B::*)(std::size_t, const Functor&)>(&B::each),
                           static_cast<void (B::*)(std::size_t, const Functor&)>(&B::commit_each));
  } else {
    return std::make_tuple(
        static_cast<void (B::*)(std::int64_t, std::int64_t, const Functor&)>(&B::each_row));
  }
}

template <class B, class... Functors>
auto addresses(kernels::launch_list<Functors...>) {
  return std::tuple_cat(addresses_of_one<B, Functors>()...);
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

/// Where each of the backends launches each functor in the `launches` of the parts: an object with
/// external linkage that holds this makes the compiler emit them.
template <class... Backends, template <class...> class List, class... Parts>
auto launched(List<Parts...>) {
  return std::tuple_cat(cuda_detail::addresses_of_all<Backends, Parts...>()...);
}

}  // namespace triptych::backend
