// triptych/loss/softmax_over_ranks.hpp
//
// Cross-entropy of softmax over rows of logits whose columns lie on several ranks: each has the rows
// of all and its own columns. Row maxima and sums of exponentials go over the ranks, logits do not.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/comm/ranks.hpp>
#include <triptych/kernels/over_ranks.hpp>

namespace triptych::loss {

/// logits (rows, n) of R ranks, row r's label being column r mod (n R) of theirs side by side, become
/// scale * d(sum of row losses)/d(logits); losses (rows) are the same on all ranks.
template <DistributedBackend B>
void softmax_over_ranks(B& backend, std::int64_t rows, std::int64_t n, typename B::real scale,
                        typename B::real* logits, typename B::real* losses) {
  using real = typename B::real;
  const int ranks = backend.ranks();
  const auto count = static_cast<std::size_t>(rows);
  const arena_frame scope(backend.arena());
  const auto take = [&](std::size_t numbers) {
    return backend.arena().template take<real>(numbers);
  };
  real *const largest = take(count), *const sums = take(2 * count);
  real* const shown = take(2 * count * static_cast<std::size_t>(ranks));
  const kernels::own_label label{n * ranks, n * backend.rank()};

  backend.each_row(rows, n, kernels::largest_row<real>{logits, n, largest});
  backend.gather(largest, count, shown);
  backend.each(count, kernels::largest_of_ranks<real>{ranks, count, shown, largest});

  backend.each_row(rows, n, kernels::exp_sum_row<real>{label, n, largest, logits, sums});
  backend.gather(sums, 2 * count, shown);
  backend.each(2 * count, kernels::add_ranks<real>{0, ranks, 2 * count, shown, sums});

  backend.each_row(rows, n,
                   kernels::softmax_of_ranks_row<real>{label, n, sums, scale, logits, losses});
}

}  // namespace triptych::loss
