// triptych/update/optimizer/any.hpp
//
// One of several optimizers, chosen at run time: for programs that take the choice from an option. One more
// optimizer is one more name in the last line.
#pragma once

#include <variant>

#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/lars.hpp>
#include <triptych/update/optimizer/parameter_group.hpp>
#include <triptych/update/optimizer/sgd.hpp>

namespace triptych::update::optimizer {

template <class... Rules>
struct any_of {
  template <template <class...> class List>
  using list = List<Rules...>;

  std::variant<Rules...> choice = {};

  template <class B, class Scale>
  void step(B& backend, const nn::parameter_list& list, const parameter_group& group,
            Scale gradient_scale, const typename B::real* gradient, typename B::real* state,
            typename B::real* weights) const {
    std::visit(
        [&](const auto& one) {
          one.step(backend, list, group, gradient_scale, gradient, state, weights);
        },
        choice);
  }
};

using any = any_of<sgd, lars>;

}  // namespace triptych::update::optimizer
