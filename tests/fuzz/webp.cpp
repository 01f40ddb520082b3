// WebP files, lossy and lossless.
#include "fuzz/picture.hpp"

FUZZ(input) { triptych::fuzz::decode(input); }
