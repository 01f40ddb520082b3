// apps/triptych/train_backends.hpp
//
// Training on each backend, each compiled in a file of its own.
#pragma once

#include "options.hpp"

namespace triptych::app {

int train_eigen(const train_options& options);
int train_reference(const train_options& options);

}  // namespace triptych::app
