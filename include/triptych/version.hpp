// triptych/version.hpp
//
// The library's version, read by CMake from these three lines.
#pragma once

#include <triptych/config.hpp>

#define TRIPTYCH_VERSION_MAJOR 0
#define TRIPTYCH_VERSION_MINOR 1
#define TRIPTYCH_VERSION_PATCH 0

#ifdef TRIPTYCH_COMPILED
namespace triptych::detail {
/// Defined by the library alone, for its own version: another one does not link.
template <int Major, int Minor, int Patch>
void compiled_library_of_version();
template <>
void compiled_library_of_version<TRIPTYCH_VERSION_MAJOR, TRIPTYCH_VERSION_MINOR,
                                 TRIPTYCH_VERSION_PATCH>();
[[gnu::used]] constexpr void (*linked_version)() =
    &compiled_library_of_version<TRIPTYCH_VERSION_MAJOR, TRIPTYCH_VERSION_MINOR,
                                 TRIPTYCH_VERSION_PATCH>;  // one in every object file
}  // namespace triptych::detail
#endif
