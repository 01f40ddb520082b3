// The configuration for those who are not compiled with it.
#include "triptych/options/configuration.hpp"

#include "triptych/ablated/app_config.hpp"

namespace triptych::app {

constinit const configuration this_configuration{app_config::name, app_config::global_branch,
                                                 app_config::local_branch, app_config::defaults};

}  // namespace triptych::app
