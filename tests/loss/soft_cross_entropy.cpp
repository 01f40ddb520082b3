#include <triptych/loss/soft_cross_entropy.hpp>

#include <cmath>
#include <cstddef>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;
using loss::soft_cross_entropy;

namespace {

/// Rows of positive numbers that sum to 1.
matrix shares(std::int64_t rows, int columns, std::uint64_t seed) {
  matrix q(rows, columns, seed);
  for (std::int64_t r = 0; r < rows; ++r) {
    double* const row = q.values.data() + r * columns;
    double sum = 0;
    for (int c = 0; c < columns; ++c) sum += row[c] = std::exp(row[c]);
    for (int c = 0; c < columns; ++c) row[c] /= sum;
  }
  return q;
}

/// L(q, s), and weight dL/ds on top of what is in `ds`.
double loss_of(double temperature, const matrix& q, const matrix& s, double weight, numbers& ds) {
  oracle b;
  double value = -1;
  soft_cross_entropy{temperature}(b, q.view(), s.view(), weight, &value, ds.data());
  return value;
}

}  // namespace

TEST_CASE("soft cross-entropy has the gradient of its differences, which is added") {
  const matrix q = shares(5, 7, 1);
  matrix s(5, 7, 2);
  numbers ds(35, 100), ignored(35);
  loss_of(0.4, q, s, 2.5, ds);
  for (double& d : ds) d -= 100;
  check_gradient([&] { return 2.5 * loss_of(0.4, q, s, 1, ignored); }, s.values, ds);
}

TEST_CASE(
    "soft cross-entropy of equal scores is ln K, and of targets with themselves their entropy") {
  const matrix q = shares(4, 9, 3);
  matrix s(4, 9, 4);
  numbers ds(36, 0);
  s.values.assign(36, 0.25);
  CHECK(loss_of(0.1, q, s, 1, ds) == Approx(std::log(9)).epsilon(1e-14));
  double entropy = 0;
  for (std::size_t i = 0; i < 36; ++i) {
    s.values[i] = 0.3 * std::log(q.values[i]);
    entropy -= q.values[i] * std::log(q.values[i]) / 4;
  }
  ds.assign(36, 0);
  CHECK(loss_of(0.3, q, s, 1, ds) == Approx(entropy).epsilon(1e-13));
  for (const double d : ds) CHECK(std::abs(d) < 1e-13);
}

TEST_CASE("soft cross-entropy refuses other shapes") {
  numbers ds(20);
  const auto refused = thrown_by([&] { loss_of(1, shares(4, 5, 1), matrix(4, 4, 2), 1, ds); });
  CHECK(refused.kind == error_kind::usage);
  CHECK(refused.says("shapes must match"));
}
