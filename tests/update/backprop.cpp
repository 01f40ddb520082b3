#include <triptych/update/backprop.hpp>

#include "support/catch.hpp"

using namespace triptych;

static_assert(WeightUpdate<update::backprop<>>);

TEST_CASE("without a word gradients are not clipped") {
  CHECK(update::backprop<>{}.clip_norm == 0);
}
