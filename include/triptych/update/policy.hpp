// triptych/update/policy.hpp
//
// What a weight-update policy is: where a network's new weights come from.
//
//   gradient  from its own gradient (update/backprop.hpp): the network owns weights, gradients and
//             the optimizer's state
//   peer      from another network's weights (update/ema.hpp): it owns weights alone
//   alias     it has no weights, it reads its peer's (update/copy.hpp)
//
// A policy of your own for a peer is an aggregate with
//   static constexpr update::source from = update::source::peer;
//   template <class B> void operator()(B&, const real* peer, std::size_t n, real* own, step) const;
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/update/optimizer/optimizer.hpp>

namespace triptych::update {

enum class source { gradient, peer, alias };

}  // namespace triptych::update

namespace triptych {

template <class U>
concept WeightUpdate = requires {
  { U::from } -> std::convertible_to<update::source>;
}
&&std::copyable<U>;

/// A policy that moves a network's weights after those of a peer, on backend B.
template <class U, class B>
concept PeerUpdate = WeightUpdate<U> &&(U::from == update::source::peer) &&
                     requires(const U& u, B& b, const typename B::real* peer, typename B::real* own,
                              std::size_t n, std::int64_t step) {
  u(b, peer, n, own, step);
};

/// A policy that has what a step from a network's own gradient needs on backend B, or needs none.
template <class U, class B>
concept DescentUpdate = WeightUpdate<U> &&
    ((U::from != update::source::gradient) || requires(const U& u) {
      requires Optimizer<std::remove_cvref_t<decltype(u.optimizer)>, B>;
      { u.clip_norm } -> std::convertible_to<double>;
    });

}  // namespace triptych
