// expect: only apps/configured/ is compiled for each configuration
#include "../../apps/configured/app_config.hpp"
