// bench_step's answer to --device cuda in builds without CUDA.
#include <triptych/core/error.hpp>

#include "step.hpp"

namespace triptych::bench {

void measure_on_cuda(const settings& s) {
  throw error::usage("--device " + s.device +
                     " needs a build with CUDA; configure with -DTRIPTYCH_WITH_CUDA=ON and build "
                     "bench_step again, or give --device cpu");
}

}  // namespace triptych::bench
