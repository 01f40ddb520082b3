// apps/triptych/ablated/app_config.hpp
//
// The compile-time configuration of this build, chosen by CMake; see apps/ablations/default.hpp.
#pragma once

#ifndef TRIPTYCH_APP_CONFIG
#error                                                                                             \
    "only apps/triptych/ablated/ is compiled for each configuration: ask triptych/options/configuration.hpp"
#else
#include TRIPTYCH_APP_CONFIG
#endif
