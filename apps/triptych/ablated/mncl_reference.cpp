#include <triptych/backend/reference.hpp>

#include "triptych/ablated/mncl.hpp"

namespace triptych::app {

using backend::reference;
template std::unique_ptr<method::learner<reference<float>>>
make_mncl(reference<float>&, const train_options&, std::int64_t);
template std::unique_ptr<method::learner<reference<double>>>
make_mncl(reference<double>&, const train_options&, std::int64_t);

}  // namespace triptych::app
