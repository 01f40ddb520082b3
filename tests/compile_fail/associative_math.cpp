// expect: takes numbers in two parts
// flags: -fassociative-math -fno-signed-zeros -fno-trapping-math | -funsafe-math-optimizations
// compiler: GNU
#include <triptych/core/portable_math.hpp>
