// Training on the reference backend, in single or double precision.
#include <triptych/backend/reference.hpp>

#include "triptych/commands/train_run.hpp"
#include "triptych/devices/train_backends.hpp"

namespace triptych::app {

trained train_reference(const train_options& options, const placement& where) {
  if (options.dtype == choice::dtype::f64) {
    backend::reference<double> backend;
    return train_on(backend, options, where);
  }
  backend::reference<float> backend;
  return train_on(backend, options, where);
}

}  // namespace triptych::app
