// apps/triptych/devices/train_cuda.hpp
//
// Training on a CUDA backend, each compiled in a file of its own.
#pragma once

#include <triptych/backend/device/cuda/options.hpp>

#include "triptych/commands/train_run.hpp"

namespace triptych::app {

template <class B>
trained train_cuda_on(const train_options& options, const placement& where) {
  B backend(backend::cuda_options{.device = where.cuda.value(),
                                  .precision = options.precision,
                                  .convolution = options.conv_engine});
  return train_on(backend, options, where);
}

trained train_cuda_bf16(const train_options& options, const placement& where);

}  // namespace triptych::app
