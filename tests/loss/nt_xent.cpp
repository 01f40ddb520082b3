#include <triptych/loss/nt_xent.hpp>

#include <cmath>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;
using loss::nt_xent;

namespace {

/// NT-Xent with constant targets: the gradient goes to p alone, as in a step.
struct to_second {
  nt_xent loss;
  void operator()(oracle& b, tensor<const double> k, tensor<const double> p, double weight,
                  double* value, double* dp) const {
    loss(b, k, p, weight, value, nullptr, dp);
  }
};

/// And to the first argument alone.
struct to_first {
  nt_xent loss;
  void operator()(oracle& b, tensor<const double> k, tensor<const double> p, double weight,
                  double* value, double* dp) const {
    loss(b, p, k, weight, value, dp, nullptr);
  }
};

}  // namespace

TEST_CASE("NT-Xent has the gradients of its differences in both arguments") {
  check_loss_gradient(to_second{{0.4}}, matrix(5, 7, 1), matrix(5, 7, 2));
  check_loss_gradient(to_first{{0.4}}, matrix(5, 7, 1), matrix(5, 7, 2));
}

TEST_CASE("NT-Xent gives both gradients at once as it gives each") {
  const matrix a(4, 3, 1), b(4, 3, 2);
  oracle backend;
  numbers da(12, 0), db(12, 0), only_a(12, 0), only_b(12, 0);
  double value = 0;
  nt_xent{}(backend, a.view(), b.view(), 2, &value, da.data(), db.data());
  nt_xent{}(backend, a.view(), b.view(), 2, &value, only_a.data(), nullptr);
  nt_xent{}(backend, a.view(), b.view(), 2, &value, nullptr, only_b.data());
  CHECK(da == only_a);
  CHECK(db == only_b);
}

TEST_CASE("NT-Xent agrees with PyTorch's") {
  const golden_layers g("nt_xent");
  check_golden_loss(to_second{{g.option<double>("temperature")}}, g);
}

TEST_CASE("NT-Xent of equal rows is ln(2N - 1)") {
  CHECK(value_of(to_second{{0.1}}, matrix::equal(8), matrix::equal(8)) ==
        Approx(std::log(15)).epsilon(1e-14));
  CHECK(std::log(2 * 256 - 1) == Approx(6.236).margin(5e-4));
}

TEST_CASE("NT-Xent of aligned positives and orthogonal negatives is 5.240 at 256 rows") {
  const double value = value_of(to_second{}, matrix::identity(256), matrix::identity(256));
  CHECK(value == Approx(std::log(std::exp(1.0) + 510) - 1).epsilon(1e-14));
  CHECK(value == Approx(5.240).margin(5e-4));
}

TEST_CASE("NT-Xent is symmetric") {
  const matrix a(5, 3, 1), b(5, 3, 2);
  CHECK(value_of(to_second{}, a, b) == Approx(value_of(to_second{}, b, a)).epsilon(1e-14));
}

TEST_CASE("NT-Xent refuses shapes that differ and single rows") {
  const auto thrown = thrown_by([] { value_of(to_second{}, matrix(4, 3, 1), matrix(5, 3, 1)); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("(4,3)"));
  CHECK(thrown.says("(5,3)"));
  CHECK(thrown_by([] { value_of(to_second{}, matrix(1, 3, 1), matrix(1, 3, 1)); }).kind ==
        error_kind::usage);
}
