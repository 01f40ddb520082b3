// The app's part that needs CUDA, in a build without it.
#include <triptych/core/error.hpp>

#include "triptych/devices/cuda.hpp"

namespace triptych::app {

std::optional<backend::cuda_state> cuda_here(bool) { return {}; }

trained train_cuda(const train_options& /*options*/, const placement& /*where*/) {
  throw error::runtime("a build without CUDA was about to use it; please report this");
}

}  // namespace triptych::app
