// Training with feature maps in bf16, in a build with CUDA.
#include <triptych/backend/cuda.hpp>

#include "triptych/devices/train_cuda.hpp"

namespace triptych::app {

trained train_cuda_bf16(const train_options& options, const placement& where) {
  return train_cuda_on<backend::cuda_bf16>(options, where);
}

}  // namespace triptych::app
