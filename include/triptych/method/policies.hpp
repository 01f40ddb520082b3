// triptych/method/policies.hpp
//
// What of a method is decided at compile time, and the values of those policies. Derive from
// `policies` and replace a member to try another one:
//
//   struct mine : method::policies { using momentum_update = growing_ema; };
//   method::byol<backend_type, mine> method(backend, layers, {}, seed);
#pragma once

#include <triptych/nn/architecture.hpp>
#include <triptych/patches/combinator.hpp>
#include <triptych/update/backprop.hpp>
#include <triptych/update/ema.hpp>

namespace triptych::method {

struct policies {
  using online_update = update::backprop<>;
  using momentum_update = update::ema;
  using patches = triptych::patches::grid;  ///< of the network that sees patches
  using architecture = nn::architecture<>;
};

/// The policies as objects. A method uses those that it needs.
template <class Policies>
struct policy_values {
  static_assert(Policies::online_update::from == update::source::gradient,
                "online_update must move weights by their gradient, as update::backprop; see "
                "docs/policies/weight_update.md");
  static_assert(Policies::momentum_update::from == update::source::peer,
                "momentum_update must move weights after a peer's, as update::ema; see "
                "docs/policies/weight_update.md");

  typename Policies::online_update online_update = {};
  typename Policies::momentum_update momentum_update = {};
  typename Policies::patches patches = typename Policies::patches();
};

}  // namespace triptych::method
