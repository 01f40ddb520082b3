// triptych/network/branches.hpp
//
// The method's three networks as instances of one template (method.md section 1):
//
//   network         weights from            combinator        predictor
//   online          its gradient            whole             yes
//   momentum        EMA of the online's     whole             no
//   stop-gradient   the online's, as is     2x2, all pairs    no
#pragma once

#include <triptych/network/network.hpp>
#include <triptych/patches/combinator.hpp>
#include <triptych/update/backprop.hpp>
#include <triptych/update/copy.hpp>
#include <triptych/update/ema.hpp>

namespace triptych {

template <class B, class Update = update::backprop<>, class Patches = patches::whole,
          class Architecture = nn::architecture<>>
using online_network = network<B, Update, Patches, Architecture>;

template <class B, class Update = update::ema, class Architecture = nn::architecture<>>
using momentum_network = network<B, Update, patches::whole, Architecture>;

template <class B, class Patches = patches::grid, class Architecture = nn::architecture<>>
using stop_gradient_network = network<B, update::copy, Patches, Architecture>;

}  // namespace triptych
