// expect: constraints not satisfied
#include <triptych/method/simsiam.hpp>

using method = triptych::method::simsiam<int>;
