#include <triptych/update/backprop.hpp>

#include "support/catch.hpp"

using namespace triptych;

static_assert(WeightUpdate<update::backprop<>>);

TEST_CASE("clipping brings a large norm to the bound and leaves a small one") {
  const update::backprop<> clipped{.clip_norm = 2};
  CHECK(clipped.gradient_scale(8) == Approx(2 / (8 + 1e-6)).epsilon(1e-15));
  CHECK(clipped.gradient_scale(8) * 8 < 2);
  CHECK(clipped.gradient_scale(1.9) == 1);
  CHECK(clipped.gradient_scale(0) == 1);
}

TEST_CASE("without a bound no norm is clipped") {
  const update::backprop<> free;
  CHECK(free.gradient_scale(1e30) == 1);
  CHECK(free.gradient_scale(0) == 1);
}
