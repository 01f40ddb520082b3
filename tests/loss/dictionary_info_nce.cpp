#include <triptych/loss/dictionary_info_nce.hpp>

#include <cmath>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// With a dictionary of its own, as a loss of keys and queries.
struct against {
  loss::dictionary_info_nce loss;
  matrix dictionary;
  void operator()(oracle& b, tensor<const double> k, tensor<const double> q, double weight,
                  double* value, double* dq) const {
    loss(b, k, dictionary.view(), q, weight, value, dq);
  }
};

}  // namespace

TEST_CASE("InfoNCE against a dictionary has the gradient of its differences") {
  const int rows = GENERATE(1, 4, 11);
  check_loss_gradient(against{{0.4}, matrix(rows, 7, 3)}, matrix(5, 7, 1), matrix(5, 7, 2));
}

TEST_CASE("InfoNCE against a dictionary is MoCo's formula") {
  const matrix k(3, 4, 1), q(3, 4, 2), d(5, 4, 3);
  const double t = 0.7;
  const auto similarity = [&](const matrix& m, std::int64_t r, std::int64_t n) {
    double s = 0;
    for (int c = 0; c < 4; ++c) {
      s += m.values[static_cast<std::size_t>(r * 4 + c)] *
           q.values[static_cast<std::size_t>(n * 4 + c)];
    }
    return s / t;
  };
  double mean = 0;
  for (std::int64_t n = 0; n < 3; ++n) {
    double sum = std::exp(similarity(k, n, n));  // no other key of the batch
    for (std::int64_t j = 0; j < 5; ++j) sum += std::exp(similarity(d, j, n));
    mean += (std::log(sum) - similarity(k, n, n)) / 3;
  }
  CHECK(value_of(against{{t}, d}, k, q) == Approx(mean).epsilon(1e-14));
}

TEST_CASE("InfoNCE against a dictionary has the bounds of the method's description") {
  // Equal rows: ln(K + 1). Aligned keys, orthogonal dictionary: ln(1 + K e^(-1/t)).
  CHECK(value_of(against{{0.3}, matrix::equal(9)}, matrix::equal(4), matrix::equal(4)) ==
        Approx(std::log(10)).epsilon(1e-14));
  matrix axes(1, 5, 0), other(7, 5, 0);
  axes.values = {1, 0, 0, 0, 0};
  for (std::size_t i = 0; i < other.values.size(); ++i) other.values[i] = i % 5 == 1 ? 1 : 0;
  CHECK(value_of(against{{0.5}, other}, axes, axes) ==
        Approx(std::log(1 + 7 * std::exp(-2.0))).epsilon(1e-14));
}

TEST_CASE("InfoNCE against a dictionary refuses shapes that do not fit") {
  const against loss{{1}, matrix(5, 3, 1)};
  CHECK(thrown_by([&] { value_of(loss, matrix(4, 3, 1), matrix(5, 3, 1)); }).kind ==
        error_kind::usage);
  CHECK(thrown_by([&] { value_of(loss, matrix(4, 2, 1), matrix(4, 2, 1)); }).kind ==
        error_kind::usage);
}
