#include "triptych/ablated/mncl.hpp"
#include "triptych/devices/ranks.hpp"

namespace triptych::app {

template std::unique_ptr<method::learner<cpu_rank>> make_mncl(cpu_rank&, const train_options&,
                                                              std::int64_t);

}  // namespace triptych::app
