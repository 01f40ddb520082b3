// triptych/update/optimizer/optimizer.hpp
//
// What an optimizer is: an aggregate of hyper-parameters that moves weights by their gradient and
// says what it has to remember for that.
//
//   static constexpr traits about{.name = "sgd"};
//   static constexpr std::array<std::string_view, 1> state{"momentum_buffer"};
//   template <class B>
//   void step(B&, const nn::parameter_list&, const parameter_group&, const real* gradient_scale,
//             const real* gradient, const state_of<B>& state, real* weights) const;
//
// `state` names, as PyTorch does, arrays of a number for each weight, zero before the first step:
// they belong to the network, files hold them under these names, and `step` gets them in this
// order. `step` works on the tensors of the group alone. The gradient is to be multiplied by
// *gradient_scale, a number in the backend's memory. Weights and state are moved through the gate:
// by the backend's `sgd` or `lars`, or its `commit_each`.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <triptych/nn/parameters.hpp>

namespace triptych::update::optimizer {

/// What is known of an optimizer before it runs.
struct traits {
  std::string_view name;  ///< as options and files have it
};

/// The tensors from offset `begin` to offset `end` of an arena, and what the schedule says of them.
struct parameter_group {
  std::size_t begin = 0, end = 0;
  double learning_rate = 0;
  std::int64_t step = 0;  ///< of the run, counted from 0
};

/// The arrays of an optimizer's state, each as long as the weights' arena.
template <class B>
using state_of = std::span<typename B::real* const>;

/// The names of an optimizer's state; one that is chosen at run time has a function for them.
template <class Optimizer>
std::span<const std::string_view> state_names(const Optimizer& optimizer) {
  if constexpr (requires { optimizer.state_names(); }) {
    return optimizer.state_names();
  } else {
    return Optimizer::state;
  }
}

}  // namespace triptych::update::optimizer

namespace triptych {

/// An optimizer on backend B.
template <class R, class B>
concept Optimizer = std::copyable<R> &&
    requires(const R& optimizer, B& b, const nn::parameter_list& list,
             const update::optimizer::parameter_group& group, const typename B::real* scale,
             const typename B::real* gradient, const update::optimizer::state_of<B>& state,
             typename B::real* weights) {
  update::optimizer::state_names(optimizer);
  optimizer.step(b, list, group, scale, gradient, state, weights);
};

}  // namespace triptych
