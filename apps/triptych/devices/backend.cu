// The one place where the CUDA backend is compiled, with what methods and optimizers launch
// themselves.
#include <triptych/backend/cuda.cuh>
#include <triptych/method/all.hpp>
#include <triptych/update/optimizer/any.hpp>

namespace triptych::backend {

extern const auto launched_by_methods = launched<cuda, cuda_bf16>(method::all{});
extern const auto launched_by_optimizers =
    launched<cuda, cuda_bf16>(update::optimizer::any::in<part_list>{});

}  // namespace triptych::backend
