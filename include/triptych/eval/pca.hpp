// triptych/eval/pca.hpp
//
// Principal component analysis: the directions along which rows vary most, and where each row lies
// along them.
//
// N rows, D features, K components: x (N, D) -> scores (N, K).
// Source: Hotelling, "Analysis of a complex of statistical variables into principal components",
// J. Educ. Psychol. 24 (1933).
// Cost: N D min(N, D) multiply-adds and an eigenvalue problem of min(N, D).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::eval {

struct principal_components {
  /// (N, K) row-major, column by column less varied. A component's sign is such that its score of
  /// largest size is positive.
  std::vector<float> scores;
  std::vector<double> variance_shares;  ///< (K) of the whole variance, 0 to 1
};

/// The first K components of rows x (N, D) row-major, their mean taken off. Where there are fewer
/// than K, the others are zero. Computed in double; the same bits for any number of threads. Throws
/// error::usage for sizes that do not fit and error::non_finite.
principal_components pca(std::span<const float> x, std::int64_t rows, int dim, int components);

}  // namespace triptych::eval

#ifndef TRIPTYCH_COMPILED
#include <triptych/eval/pca_inl.hpp>
#endif
