// apps/triptych/build_info.hpp
//
// What this program was built from and how; the values are written by cmake/TriptychBuildInfo.cmake
// at every build.
#pragma once

namespace triptych::app {

extern const char* const build_commit;    ///< of git, "-dirty" if files differ; or "unknown"
extern const char* const build_compiler;  ///< "GNU 12.2.0"
extern const char* const build_flags;     ///< "-O3 -DNDEBUG -march=native"

}  // namespace triptych::app
