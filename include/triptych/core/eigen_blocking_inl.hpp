// triptych/core/eigen_blocking_inl.hpp
//
// The body of eigen_blocking.hpp.
#pragma once

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/eigen_blocking.hpp>

namespace triptych {

TRIPTYCH_INLINE void fix_eigen_blocking() {
  static const bool fixed = (Eigen::setCpuCacheSizes(32768, 1048576, 33554432), true);
  static_cast<void>(fixed);
}

}  // namespace triptych
