// Matrix products and convolutions of the CUDA backend with tf32 operands, beside the oracle.
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

template <cuda_convolution Convolution>
struct coarse : backend::cuda {
  static constexpr double operand_epsilon = 0x1p-10;
  coarse()
      : backend::cuda(
            backend::cuda_options{.precision = cuda_precision::tf32, .convolution = Convolution}) {}
};

}  // namespace

TEMPLATE_TEST_CASE("products and convolutions of coarse operands stay near the oracle's", "",
                   coarse<cuda_convolution::gemm>, coarse<cuda_convolution::automatic>) {
  if (!present()) return;
  products<TestType>(agreement<TestType, backend::reference<float>>());
  convolutions<TestType>(agreement<TestType, backend::reference<float>>());
}
