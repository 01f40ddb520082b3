// expect: removes the NaN checks that stop a diverged run
// flags: -ffast-math | -Ofast | -ffinite-math-only | -ffast-math -fmath-errno
// flags: -ffast-math -ftrapping-math
#include <triptych/core/error.hpp>
