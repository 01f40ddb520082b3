#include <triptych/loss/info_nce.hpp>

#include <cmath>
#include <string>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;
using loss::anchor;
using loss::info_nce;

TEST_CASE("InfoNCE has the gradient of its differences, for both anchors and any groups") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  const int groups = GENERATE(1, 3);
  check_loss_gradient(info_nce{0.4, which}, matrix(5 * groups, 7, 1), matrix(5, 7, 2));
}

TEST_CASE("InfoNCE of grouped predictions has the gradient of its differences, for both anchors") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  check_loss_gradient(info_nce{0.4, which}, matrix(5, 7, 1), matrix(5 * 3, 7, 2));
}

TEST_CASE("InfoNCE of grouped predictions is the mean of the groups', for both anchors") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  const info_nce loss{0.3, which};
  const matrix k(4, 5, 1), p(3 * 4, 5, 2);
  double mean = 0;
  for (int g = 0; g < 3; ++g) {
    matrix one(4, 5, 0);
    one.values.assign(p.values.begin() + g * 20, p.values.begin() + (g + 1) * 20);
    mean += value_of(loss, k, one) / 3;
  }
  CHECK(value_of(loss, k, p) == Approx(mean).epsilon(1e-14));
}

TEST_CASE("InfoNCE agrees with PyTorch's") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  const golden_layers g(which == anchor::target ? "info_nce_target" : "info_nce_prediction");
  check_golden_loss(info_nce{g.option<double>("temperature"), which}, g);
}

TEST_CASE("InfoNCE of equal rows is ln N") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  CHECK(value_of(info_nce{0.1, which}, matrix::equal(9), matrix::equal(9)) ==
        Approx(std::log(9)).epsilon(1e-14));
}

TEST_CASE("InfoNCE of aligned positives and orthogonal negatives is 4.552 at 256 rows") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  const double value = value_of(info_nce{1, which}, matrix::identity(256), matrix::identity(256));
  CHECK(value == Approx(std::log(std::exp(1.0) + 255) - 1).epsilon(1e-14));
  CHECK(value == Approx(4.552).margin(5e-4));
}

TEST_CASE("InfoNCE of groups is the mean of the groups'") {
  const auto which = GENERATE(anchor::target, anchor::prediction);
  const info_nce loss{0.3, which};
  const matrix k(3 * 4, 5, 1), p(4, 5, 2);
  double mean = 0;
  for (int g = 0; g < 3; ++g) {
    matrix one(4, 5, 0);
    one.values.assign(k.values.begin() + g * 20, k.values.begin() + (g + 1) * 20);
    mean += value_of(loss, one, p) / 3;
  }
  CHECK(value_of(loss, k, p) == Approx(mean).epsilon(1e-14));
}

TEST_CASE("the anchors' InfoNCE differ by the direction of the softmax") {
  const matrix k(4, 3, 1), p(4, 3, 2);
  CHECK(value_of(info_nce{1, anchor::prediction}, k, p) ==
        Approx(value_of(info_nce{1, anchor::target}, p, k)).epsilon(1e-14));
}

TEST_CASE("a sharper temperature brings InfoNCE of aligned rows to zero") {
  CHECK(value_of(info_nce{0.01}, matrix::identity(8), matrix::identity(8)) < 1e-12);
  CHECK(value_of(info_nce{0.001}, matrix::identity(8), matrix::identity(8)) == 0);  // no overflow
}

TEST_CASE("InfoNCE refuses targets that do not fit the predictions, naming the shapes") {
  const auto thrown = thrown_by([] { value_of(info_nce{}, matrix(7, 3, 1), matrix(4, 3, 1)); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("(7,3)"));
  CHECK(thrown.says("(4,3)"));
  CHECK(thrown_by([] { value_of(info_nce{}, matrix(4, 2, 1), matrix(4, 3, 1)); }).kind ==
        error_kind::usage);
  CHECK(thrown_by([] { value_of(info_nce{}, matrix(0, 3, 1), matrix(4, 3, 1)); }).kind ==
        error_kind::usage);
}
