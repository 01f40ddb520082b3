// Training on the eigen backend, on one rank or several.
#include <utility>

#include "triptych/commands/train_run.hpp"
#include "triptych/devices/ranks.hpp"
#include "triptych/devices/train_backends.hpp"

namespace triptych::app {

trained train_eigen(const train_options& options, const placement& where) {
  convolution::any::choose(options.convolution);
  trained result;
  on_ranks(options, [&](comm::any& ranks, int threads) {
    cpu_rank backend(ranks, threads);
    auto done = train_on(backend, options, where);
    if (ranks.rank() == 0) result = std::move(done);
  });
  return result;
}

}  // namespace triptych::app
