// Matrix products and convolutions of the CUDA backend with coarser operands, beside the oracle.
#include "device/under_test/cuda.hpp"

#include <triptych/backend/reference.hpp>

#include "backend/experiments.hpp"
#include "device/present.hpp"
#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::test;
using backend::cuda_convolution;
using backend::cuda_precision;

namespace {

template <cuda_precision Precision, cuda_convolution Convolution>
struct coarse : backend::cuda {
  /// Two roundings of the operands, of bf16 by cuDNN one of the result.
  static constexpr double operand_epsilon = Precision == cuda_precision::tf32 ? 0x1p-10 : 0x1p-7;
  coarse()
      : backend::cuda(
            backend::cuda_options{.precision = Precision, .convolution = Convolution}) {}
};

}  // namespace

TEMPLATE_TEST_CASE("products and convolutions of coarse operands stay near the oracle's", "",
                   (coarse<cuda_precision::tf32, cuda_convolution::gemm>),
                   (coarse<cuda_precision::bf16, cuda_convolution::gemm>),
                   (coarse<cuda_precision::tf32, cuda_convolution::automatic>),
                   (coarse<cuda_precision::bf16, cuda_convolution::automatic>)) {
  if (!present()) return;
  products<TestType>(agreement<TestType, backend::reference<float>>());
  convolutions<TestType>(agreement<TestType, backend::reference<float>>());
}
