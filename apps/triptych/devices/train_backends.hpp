// apps/triptych/devices/train_backends.hpp
//
// A training run, and its part on each backend, each compiled in a file of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "triptych/options/options.hpp"

namespace triptych::app {

/// How a call of training ended.
struct trained {
  int code = 0;            ///< 0, or 128 + the signal that asked to stop
  std::string run;         ///< its directory; empty where nothing was to be written
  std::int64_t steps = 0;  ///< of the run so far
  double seconds = 0;      ///< of this call
  bool judgeable = true;   ///< by test images
};

/// Where a run computes; see device.hpp.
struct placement {
  std::optional<int> cuda;  ///< the CUDA device; none: the CPU
  std::string line;         ///< for people, with the reason where CUDA could be expected
};

trained train_eigen(const train_options& options, const placement& where);
trained train_reference(const train_options& options, const placement& where);

/// Trains as asked, with --resume from where the run is, and prints no results.
trained run_training(const train_options& asked);

}  // namespace triptych::app
