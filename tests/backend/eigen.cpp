// What the fast backend promises by itself; what it computes is compared with the oracle in
// equivalent.cpp.
#include <triptych/backend/eigen.hpp>
#include <triptych/nn/normalization.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/thrown.hpp"

using namespace triptych;

TEST_CASE("eigen refuses batch normalization of one row, as the oracle does") {
  backend::eigen<> b(1);
  float x[4] = {1, 2, 3, 4}, weight[2] = {1, 1}, bias[2] = {0, 0};
  float mean[4], inverse[4], y[4], running_mean[2] = {0, 0}, running_variance[2] = {1, 1};
  const auto thrown = thrown_by([&] {
    nn::batch_norm_forward(b, {.rows = 1, .groups = 2, .channels = 2}, x, weight, bias, 1e-5f,
                           nullptr, false, {running_mean, running_variance}, mean, inverse, y);
  });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("a group of one row has no variance"));
  CHECK(running_mean[0] == 0);
  CHECK(running_variance[0] == 1);
}
