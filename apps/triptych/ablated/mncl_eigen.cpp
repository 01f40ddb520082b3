#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/eigen.hpp>

#include "triptych/ablated/mncl.hpp"

namespace triptych::app {

using eigen = backend::eigen<convolution::any>;
template std::unique_ptr<method::learner<eigen>> make_mncl(eigen&, const train_options&,
                                                           std::int64_t);

}  // namespace triptych::app
