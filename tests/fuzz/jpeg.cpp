// JPEG files, baseline and progressive.
#include "fuzz/picture.hpp"

FUZZ(input) { triptych::fuzz::decode(input); }
