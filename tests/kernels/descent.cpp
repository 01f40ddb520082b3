#include <triptych/kernels/descent.hpp>

#include <limits>

#include "support/catch.hpp"

using namespace triptych::kernels;

TEST_CASE("clipping brings a large norm to the bound and leaves a small one") {
  CHECK(clip_scale(2, 8) == Approx(2 / (8 + 1e-6)).epsilon(1e-15));
  CHECK(clip_scale(2, 8) * 8 < 2);
  CHECK(clip_scale(2, 1.9) == 1);
  CHECK(clip_scale(2, 0) == 1);
  CHECK(clip_scale(2, std::numeric_limits<double>::quiet_NaN()) == 1);
}

TEST_CASE("without a bound no norm is clipped") {
  CHECK(clip_scale(0, 1e30) == 1);
  CHECK(clip_scale(0, 0) == 1);
}

TEST_CASE("LARS of a gradient that is scaled is that of a gradient of the scaled norm") {
  for (const auto rule :
       {lars_rule::after_momentum, lars_rule::scale_gradient, lars_rule::skip_without_decay}) {
    const lars_trust trust{0.01, 0.1, 1e-8, rule};
    const lars_factors scaled = trust.factors(0.5, 3, 8, 0.25), small = trust.factors(0.5, 3, 2);
    CHECK(scaled.learning_rate == small.learning_rate);
    CHECK(scaled.decay == small.decay);
    CHECK(scaled.gradient_scale == 0.25 * small.gradient_scale);
  }
}

TEST_CASE("scalars in memory give the step of scalars in the functor") {
  const double gradient[] = {2, -4};
  const double factors[] = {0.25, 0.5, 0.125};
  double weights[] = {1, 2}, state[] = {3, 4}, there_weights[] = {1, 2}, there_state[] = {3, 4};
  using number = in_memory<double>;
  for (std::size_t i = 0; i < 2; ++i) {
    sgd<double>{gradient, 0.25, 0.9, 0.5, 0.125, state, weights}(i);
    sgd<double, number, number>{
        gradient,    number{factors}, 0.9, number{factors + 1}, number{factors + 2},
        there_state, there_weights}(i);
    CHECK(state[i] == there_state[i]);
    CHECK(weights[i] == there_weights[i]);
  }
  // b = 0.9 * 3 + (0.125 * 2 + 0.5 * 1); w = 1 - 0.25 b
  CHECK(state[0] == Approx(3.45).epsilon(1e-15));
  CHECK(weights[0] == Approx(1 - 0.25 * 3.45).epsilon(1e-15));
}
