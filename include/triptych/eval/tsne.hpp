// triptych/eval/tsne.hpp
//
// t-SNE: places rows in the plane so that neighbors stay neighbors. Exact, over all pairs, and
// without chance: it starts from the first two principal components, or from what is given.
//
// N rows, D features: x (N, D) -> (N, 2).
//
//   p_ij    how likely j is i's neighbor: a Gaussian around i whose width gives it `perplexity`
//           neighbors, and the mean of both directions
//   q_ij    the same in the plane, with a Student's t: (1 + |y_i - y_j|^2)^-1, scaled to sum 1
//   y       by gradient descent on KL(P || Q), with momentum and a gain for each coordinate; P is
//           exaggerated at first, so that clusters find together
//
// Source: van der Maaten, Hinton, "Visualizing data using t-SNE", JMLR 9 (2008); start and learning
// rate as in Kobak, Berens, "The art of using t-SNE for single-cell transcriptomics", Nat. Commun.
// 10 (2019).
// Cost: N^2 D once, then some 20 N^2 operations an iteration; memory 4 N^2 bytes: 2,000 rows took 21
// seconds and 16 MB, 5,000 rows two minutes and 100 MB, on two cores that others used as well.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::eval {

struct tsne_options {
  double perplexity = 30;  ///< neighbors of a row; at most a third of the other rows
  int iterations = 1000;   ///< the first quarter of them with exaggeration
  double exaggeration = 12;
  double learning_rate = 0;  ///< 0: rows / exaggeration / 4, and no less than 50
};

/// Called now and then: how many iterations are done. What it throws ends the work.
using tsne_progress = std::function<void(int done, int total)>;

/// Where the rows x (N, D) row-major lie in the plane, (N, 2) row-major, with mean 0. The same bits
/// for any number of threads. It begins at `start` (N, 2) in small, or where that is empty at the
/// first two principal components; give those where they are known. Throws error::usage for sizes
/// and options that do not fit and error::non_finite.
std::vector<float> tsne(std::span<const float> x, std::int64_t rows, int dim,
                        const tsne_options& options, thread_pool& pool,
                        const tsne_progress& progress = {}, std::span<const float> start = {});

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/tsne_inl.hpp>
#endif
