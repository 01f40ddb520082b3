// apps/triptych/app_config.hpp
//
// The compile-time configuration of this build, chosen by CMake; see apps/configs/default.hpp.
#pragma once

#ifndef TRIPTYCH_APP_CONFIG
#define TRIPTYCH_APP_CONFIG "../configs/default.hpp"
#endif
#include TRIPTYCH_APP_CONFIG
