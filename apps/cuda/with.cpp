// The app's part that needs CUDA, in a build with it.
#include <triptych/backend/cuda.hpp>

#include "triptych/cuda.hpp"
#include "triptych/train_run.hpp"

namespace triptych::app {

std::optional<backend::cuda_state> cuda_here() { return backend::look_for_cuda(); }

trained train_cuda(const train_options& options, const placement& where) {
  backend::cuda backend(backend::cuda_options{.device = where.cuda.value(),
                                              .precision = options.precision,
                                              .convolution = options.conv_engine});
  return train_on(backend, options, where);
}

}  // namespace triptych::app
