// expect: only apps/triptych/ablated/ is compiled for each configuration
#include "../../apps/triptych/ablated/app_config.hpp"
