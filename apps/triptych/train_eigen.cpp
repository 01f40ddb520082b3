// Training on the eigen backend, with either convolution algorithm.
#include <triptych/backend/convolution/direct.hpp>
#include <triptych/backend/convolution/implicit_gemm.hpp>
#include <triptych/backend/eigen.hpp>

#include "train_backends.hpp"
#include "train_run.hpp"

namespace triptych::app {

trained train_eigen(const train_options& options) {
  if (options.convolution == choice::convolution::implicit_gemm) {
    backend::eigen<convolution::implicit_gemm> backend(options.threads);
    return train_on(backend, options);
  }
  backend::eigen<convolution::direct> backend(options.threads);
  return train_on(backend, options);
}

}  // namespace triptych::app
