// The one place where the CUDA backend is compiled.
#include <triptych/backend/cuda.cuh>
