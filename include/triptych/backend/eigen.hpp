// triptych/backend/eigen.hpp
//
// The fast CPU backend, single precision: cpu/operations.hpp, and convolutions by an algorithm that
// is a policy (backend/cpu/convolution/), of which implicit_gemm uses Eigen's product.
//
// Same bits for any number of threads: every launch is cut by shapes alone, and Eigen never
// threads.
#pragma once

#include <triptych/backend/cpu/convolution/algorithm.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/backend/cpu/operations.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/operands.hpp>

namespace triptych::backend::inline TRIPTYCH_ISA {

template <class Convolution = convolution::fast>
class eigen : public cpu_operations {
  static_assert(
      ConvolutionAlgorithm<Convolution>,
      "eigen takes an algorithm of convolution and computes in float; for double there is "
      "backend::reference<double>; see docs/policies/backend.md");

 public:
  using cpu_operations::cpu_operations;

  /// Whether its passes over x take a map that lacks BatchNorm's last step.
  [[nodiscard]] static bool reads_normalized(const convolution::geometry& g) {
    if constexpr (NormalizingConvolution<Convolution>) return Convolution::reads_normalized(g);
    return false;
  }

  void convolution_forward(const convolution::geometry& g, const normalized_map<real>& x,
                           const real* w, real* y) {
    Convolution::forward(pool(), arena(), g, convolution::operand<Convolution>(x), w, y);
  }
  void convolution_backward_data(const convolution::geometry& g, const real* dy, const real* w,
                                 real* dx, bool accumulate) {
    Convolution::backward_data(pool(), arena(), g, dy, w, dx, accumulate);
  }
  void convolution_backward_weights(const convolution::geometry& g, const normalized_map<real>& x,
                                    const real* dy, real* dw, bool accumulate) {
    Convolution::backward_weights(pool(), arena(), g, convolution::operand<Convolution>(x), dy, dw,
                                  accumulate);
  }
};

}  // namespace triptych::backend::inline TRIPTYCH_ISA
