// triptych/version.hpp
//
// The library's version, read by CMake from these three lines.
#pragma once

#include <triptych/config.hpp>

#define TRIPTYCH_VERSION_MAJOR 0
#define TRIPTYCH_VERSION_MINOR 1
#define TRIPTYCH_VERSION_PATCH 0
