// triptych/backend/convolution/any.hpp
//
// A convolution policy whose algorithm is chosen by name while the program runs, once for the whole
// program and before its first convolution: one compilation of everything above serves them all.
//
//   convolution::any::choose("winograd4");
//   backend::eigen<convolution::any> backend;
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include <triptych/backend/convolution/bf16_products.hpp>
#include <triptych/backend/convolution/direct.hpp>
#include <triptych/backend/convolution/fast.hpp>
#include <triptych/backend/convolution/geometry.hpp>
#include <triptych/backend/convolution/implicit_gemm.hpp>
#include <triptych/backend/convolution/winograd.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::convolution {

/// `Default` is what runs before a choice. A template so that a source that only mentions it compiles none
/// of the algorithms.
template <class Default>
class any_of {
 public:
  static constexpr std::array<std::string_view, 6> names{"fast",      "direct",    "implicit_gemm",
                                                         "winograd2", "winograd4", "bf16"};

  /// False if there is no algorithm of that name. Throws error::usage for `bf16` without an AMX unit.
  static bool choose(std::string_view name) {
    static const std::array all{of<fast>(), of<direct>(), of<implicit_gemm>(),
                                    of<winograd<2>>(), of<winograd<4>>(), of<bf16_products<>>()};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] != name) continue;
      if (name == "bf16") bf16_products<>::need();
      passes_ = all[i];
      return true;
    }
    return false;
  }

  template <class... Arguments>
  static void forward(Arguments&&... a) {
    passes_.forward(std::forward<Arguments>(a)...);
  }
  template <class... Arguments>
  static void backward_data(Arguments&&... a) {
    passes_.backward_data(std::forward<Arguments>(a)...);
  }
  template <class... Arguments>
  static void backward_weights(Arguments&&... a) {
    passes_.backward_weights(std::forward<Arguments>(a)...);
  }

 private:
  using arena = stack_arena<>;
  using gradient = void (*)(thread_pool&, arena&, const geometry&, const float*, const float*,
                            float*, bool);
  struct passes {
    void (*forward)(thread_pool&, arena&, const geometry&, const float*, const float*, float*);
    gradient backward_data, backward_weights;
  };
  template <class Algorithm>
  static passes of() {
    return {&Algorithm::template forward<arena>, &Algorithm::template backward_data<arena>,
            &Algorithm::template backward_weights<arena>};
  }
  static inline passes passes_ = of<Default>();
};

using any = any_of<fast>;

}  // namespace triptych::convolution
