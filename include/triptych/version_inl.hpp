// triptych/version_inl.hpp
//
// The body of version.hpp's check that program and library are of one version.
#pragma once

#include <triptych/version.hpp>

#ifdef TRIPTYCH_COMPILED
template <>
void triptych::detail::compiled_library_of_version<TRIPTYCH_VERSION_MAJOR, TRIPTYCH_VERSION_MINOR,
                                                   TRIPTYCH_VERSION_PATCH>() {}
#endif
