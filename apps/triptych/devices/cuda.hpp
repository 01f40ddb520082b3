// apps/triptych/devices/cuda.hpp
//
// The app's part that needs CUDA. CMake takes its definitions from apps/triptych/devices/cuda.cpp
// or, in a build without CUDA, from apps/triptych/devices/no_cuda.cpp.
#pragma once

#include <optional>

#include <triptych/backend/device/cuda/options.hpp>

#include "triptych/devices/train_backends.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// What this machine has for CUDA; nothing in a build without it. A close look loads cuBLAS and
/// wakes every device.
std::optional<backend::cuda_state> cuda_here(bool closely = false);

/// Trains on the CUDA device of `where`.
trained train_cuda(const train_options& options, const placement& where);

}  // namespace triptych::app
