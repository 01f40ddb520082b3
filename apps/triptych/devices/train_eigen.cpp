// Training on the eigen backend.
#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/eigen.hpp>

#include "triptych/commands/train_run.hpp"
#include "triptych/devices/train_backends.hpp"

namespace triptych::app {

trained train_eigen(const train_options& options, const placement& where) {
  convolution::any::choose(options.convolution);
  backend::eigen<convolution::any> backend(options.threads);
  return train_on(backend, options, where);
}

}  // namespace triptych::app
