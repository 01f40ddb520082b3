// triptych/eval/lbfgs_options.hpp
//
// When L-BFGS (lbfgs.hpp) ends, and how much it remembers.
#pragma once

#include <cstddef>

#include <triptych/config.hpp>

namespace triptych::eval {

struct lbfgs_options {
  double tolerance = 1e-6;    ///< ends where the gradient's Euclidean norm is at most this
  int max_iterations = 2000;  ///< or after so many
  std::size_t history = 10;   ///< steps remembered to model the curvature
};

}  // namespace triptych::eval
