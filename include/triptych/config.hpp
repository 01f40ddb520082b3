// triptych/config.hpp
//
// The library's only macros: they mark functors that also run on a device, and refuse builds whose
// arithmetic cannot be trusted.
#pragma once

#if defined(__FAST_MATH__)
#error "triptych: -ffast-math removes the NaN checks that stop a diverged run; build without it"
#endif

#if defined(__CUDACC__)
#define TRIPTYCH_HOST_DEVICE __host__ __device__
#else
#define TRIPTYCH_HOST_DEVICE
#endif
