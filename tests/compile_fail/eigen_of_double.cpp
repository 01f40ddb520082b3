// expect: eigen takes an algorithm of convolution and computes in float
#include <triptych/backend/eigen.hpp>

triptych::backend::eigen<double> backend;
