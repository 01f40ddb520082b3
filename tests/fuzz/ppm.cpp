// Pictures without a library's decoder.
#include "fuzz/picture.hpp"

FUZZ(input) { triptych::fuzz::decode(input); }
