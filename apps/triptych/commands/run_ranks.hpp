// apps/triptych/commands/run_ranks.hpp
//
// How the ranks of a run keep together: rank 0 leads, the others follow to its end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/train/data_identity.hpp>
#include <triptych/train/shared_state.hpp>

#include "triptych/commands/images.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// What rank 0 says before it makes a step, and at the end.
enum class order : int { end, step };

/// The order of rank 0, for all.
template <class B>
order tell(B& backend, order mine) {
  return ranks::of_first(backend, mine);
}

/// All ranks come to the state of rank 0, whose `step` is returned, and normalize their images as it
/// does. Throws error::usage and error::data on a rank that has other options or images than it.
template <class B>
std::int64_t join(method::learner<B>& method, const train_options& options,
                  train::identified_images& images, std::int64_t step) {
  auto& backend = method.backend();
  const auto constants = ranks::of_first(backend, images.identity.constants);
  if (ranks::own(backend) > 0) {  // rank 0's loader reads them already
    std::vector<std::string> none;
    normalize_as(constants, {}, images, none);
  }
  const io::digest own_options = io::digest_of(computing_options(options));
  if (!(ranks::of_first(backend, own_options) == own_options)) {
    throw error::usage("rank " + std::to_string(ranks::own(backend)) +
                       " has other options than rank 0; give all ranks the same, also in the "
                       "environment (mpirun -x NAME) and in files");
  }
  const io::digest own_images = io::digest_of(train::to_json(images.identity));
  if (!(ranks::of_first(backend, own_images) == own_images)) {
    throw error::data("rank " + std::to_string(ranks::own(backend)) +
                      " has other images than rank 0; give all ranks the same --data-dir");
  }
  step = ranks::of_first(backend, step);
  train::share_state(method);
  return step;
}

}  // namespace triptych::app
