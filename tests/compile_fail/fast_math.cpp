// expect: -ffast-math removes the NaN checks
#define __FAST_MATH__ 1
#include <triptych/config.hpp>
