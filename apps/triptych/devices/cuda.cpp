// The app's part that needs CUDA, in a build with it.
#include <triptych/backend/cuda.hpp>

#include "triptych/devices/cuda.hpp"
#include "triptych/devices/train_cuda.hpp"

namespace triptych::app {

std::optional<backend::cuda_state> cuda_here(bool closely) {
  return backend::look_for_cuda(closely);
}

trained train_cuda(const train_options& options, const placement& where) {
  if (options.precision == backend::cuda_precision::bf16) return train_cuda_bf16(options, where);
  return train_cuda_on<backend::cuda>(options, where);
}

}  // namespace triptych::app
