// triptych/core/eigen_blocking.hpp
//
// Eigen cuts matrix products by the sizes of the machine's caches, and their bits follow the cuts.
#pragma once

#include <triptych/config.hpp>

namespace triptych {

/// From now on Eigen cuts products as for caches of 32 KiB, 1 MiB and 32 MiB on every machine.
/// Whatever of the library multiplies with Eigen calls it first.
void fix_eigen_blocking();

}  // namespace triptych

#ifndef TRIPTYCH_COMPILED
#include <triptych/core/eigen_blocking_inl.hpp>
#endif
