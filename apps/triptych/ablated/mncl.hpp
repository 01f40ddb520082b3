// apps/triptych/ablated/mncl.hpp
//
// The method of the paper with the branches that the configuration leaves it: the one template of
// the app that is compiled again for each configuration, for each backend in a file of its own.
#pragma once

#include <cstdint>
#include <memory>

#include "triptych/options/make.hpp"

#include "triptych/ablated/app_config.hpp"

namespace triptych::app {

struct ablated_policies : policies {
  static constexpr bool global_branch = app_config::global_branch;
  static constexpr bool local_branch = app_config::local_branch;
};

template <class B>
std::unique_ptr<method::learner<B>> make_mncl(B& backend, const train_options& o,
                                              std::int64_t steps) {
  return make_with<method::mncl_options, ablated_policies>(backend, o, steps);
}

}  // namespace triptych::app
