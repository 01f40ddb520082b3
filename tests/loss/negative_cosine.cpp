#include <triptych/loss/negative_cosine.hpp>

#include <algorithm>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;
using loss::negative_cosine;

TEST_CASE("negative cosine has the gradient of its differences") {
  check_loss_gradient(negative_cosine{}, matrix(5, 7, 1), matrix(5, 7, 2));
}

TEST_CASE("negative cosine agrees with PyTorch's") {
  check_golden_loss(negative_cosine{}, golden_layers("negative_cosine"));
}

TEST_CASE("negative cosine is -1 of equal rows, 0 of orthogonal ones, 1 of opposite ones") {
  const matrix a = matrix::identity(4);
  matrix turned = a, opposite = a;
  std::rotate(turned.values.begin(), turned.values.begin() + 4, turned.values.end());
  for (double& v : opposite.values) v = -v;
  CHECK(value_of(negative_cosine{}, a, a) == -1);
  CHECK(value_of(negative_cosine{}, a, turned) == 0);
  CHECK(value_of(negative_cosine{}, a, opposite) == 1);
}

TEST_CASE("negative cosine refuses shapes that differ") {
  const auto thrown =
      thrown_by([] { value_of(negative_cosine{}, matrix(8, 3, 1), matrix(4, 3, 1)); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("(8,1,1,3)"));
}
