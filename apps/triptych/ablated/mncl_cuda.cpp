// Compiled in a build with CUDA.
#include <triptych/backend/cuda.hpp>

#include "triptych/ablated/mncl.hpp"

namespace triptych::app {

using backend::cuda, backend::cuda_bf16;
template std::unique_ptr<method::learner<cuda>> make_mncl(cuda&, const train_options&,
                                                          std::int64_t);
template std::unique_ptr<method::learner<cuda_bf16>> make_mncl(cuda_bf16&, const train_options&,
                                                               std::int64_t);

}  // namespace triptych::app
