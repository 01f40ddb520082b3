// triptych/backend/cpu/convolution/any.hpp
//
// A convolution policy whose algorithm is chosen by name while the program runs, once for the whole
// program and before its first convolution: one compilation of everything above serves them all.
//
//   convolution::any::choose("winograd4");
//   backend::eigen<convolution::any> backend;
#pragma once

#include <array>
#include <string_view>

#include <triptych/backend/cpu/convolution/algorithm.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution::inline TRIPTYCH_ISA {

class any {
 public:
  static constexpr std::array<std::string_view, 6> names{"fast",      "direct",    "implicit_gemm",
                                                         "winograd2", "winograd4", "bf16"};

  /// Until then it is `fast`. False if there is no algorithm of that name. Throws error::usage for
  /// `bf16` without an AMX unit.
  static bool choose(std::string_view name);

  static bool reads_normalized(const geometry& g) { return chosen_.reads_normalized(g); }
  static void forward(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                      const normalized_map<float>& x, const float* w, float* y) {
    chosen_.forward(pool, scratch, g, x, w, y);
  }
  static void backward_data(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                            const float* dy, const float* w, float* dx, bool accumulate) {
    chosen_.backward_data(pool, scratch, g, dy, w, dx, accumulate);
  }
  static void backward_weights(thread_pool& pool, stack_arena<>& scratch, const geometry& g,
                               const normalized_map<float>& x, const float* dy, float* dw,
                               bool accumulate) {
    chosen_.backward_weights(pool, scratch, g, x, dy, dw, accumulate);
  }

 private:
  struct passes {
    decltype(&fast::reads_normalized) reads_normalized;
    decltype(&fast::forward) forward;
    decltype(&fast::backward_data) backward_data;
    decltype(&fast::backward_weights) backward_weights;
  };
  template <class A>
  static constexpr passes of{
      [](const geometry& g) {
        if constexpr (NormalizingConvolution<A>) return A::reads_normalized(g);
        return false;
      },
      [](thread_pool& pool, stack_arena<>& scratch, const geometry& g,
         const normalized_map<float>& x, const float* w,
         float* y) { A::forward(pool, scratch, g, operand<A>(x), w, y); },
      &A::backward_data,
      [](thread_pool& pool, stack_arena<>& scratch, const geometry& g,
         const normalized_map<float>& x, const float* dy, float* dw, bool accumulate) {
        A::backward_weights(pool, scratch, g, operand<A>(x), dy, dw, accumulate);
      }};
  static inline passes chosen_ = of<fast>;
};

}  // namespace triptych::convolution::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/convolution/any_inl.hpp>
#endif
