// triptych/update/optimizer/any.hpp
//
// One of several optimizers, chosen at run time: for programs that take the choice from an option.
// One more optimizer is one more name in the last line.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include <triptych/nn/parameters.hpp>
#include <triptych/update/optimizer/adamw.hpp>
#include <triptych/update/optimizer/lars.hpp>
#include <triptych/update/optimizer/optimizer.hpp>
#include <triptych/update/optimizer/sgd.hpp>

namespace triptych::update::optimizer {

template <class... Optimizers>
struct any_of {
  /// The same optimizers in another list, such as part_list.
  template <template <class...> class List>
  using in = List<Optimizers...>;

  std::variant<Optimizers...> choice = {};

  [[nodiscard]] std::span<const std::string_view> state_names() const {
    return std::visit([](const auto& one) { return optimizer::state_names(one); }, choice);
  }

  template <class B>
  void step(B& backend, const nn::parameter_list& list, const parameter_group& group,
            const typename B::real* gradient_scale, const typename B::real* gradient,
            const state_of<B>& state, typename B::real* weights) const {
    std::visit(
        [&](const auto& one) {
          one.step(backend, list, group, gradient_scale, gradient, state, weights);
        },
        choice);
  }
};

using any = any_of<sgd, lars, adamw>;

}  // namespace triptych::update::optimizer
