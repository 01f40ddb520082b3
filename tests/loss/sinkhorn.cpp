#include <triptych/loss/sinkhorn.hpp>

#include <cmath>
#include <cstddef>

#include "loss/bench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;
using loss::sinkhorn;

namespace {

/// Codes of the last `n` rows.
numbers codes(const sinkhorn& assign, const matrix& z, const matrix& c, std::int64_t n,
              std::int64_t first = 0) {
  oracle b;
  numbers q(static_cast<std::size_t>(n * c.rows), -1);
  assign(b, z.view(), c.view(), first,
         tensor<double>{features(n, static_cast<int>(c.rows)), q.data()});
  return q;
}

/// The iteration as it is written in the paper, on numbers and not on logarithms.
numbers plain_codes(const sinkhorn& assign, const matrix& z, const matrix& c) {
  const auto rows = static_cast<std::size_t>(z.rows), k = static_cast<std::size_t>(c.rows);
  const auto width = static_cast<std::size_t>(z.columns);
  numbers q(rows * k);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t j = 0; j < k; ++j) {
      double dot = 0;
      for (std::size_t i = 0; i < width; ++i)
        dot += z.values[r * width + i] * c.values[j * width + i];
      q[r * k + j] = std::exp(dot / assign.epsilon);
    }
  }
  const auto scale = [&](std::size_t lines, std::size_t length, std::size_t step, std::size_t next,
                         double wanted) {
    for (std::size_t l = 0; l < lines; ++l) {
      double sum = 0;
      for (std::size_t i = 0; i < length; ++i) sum += q[l * next + i * step];
      for (std::size_t i = 0; i < length; ++i) q[l * next + i * step] *= wanted / sum;
    }
  };
  for (int i = 0; i < assign.iterations; ++i) {
    scale(k, rows, k, 1, 1.0 / static_cast<double>(k));     // prototypes
    scale(rows, k, 1, k, 1.0 / static_cast<double>(rows));  // samples
  }
  scale(rows, k, 1, k, 1);
  return q;
}

}  // namespace

TEST_CASE("codes are those of the paper's iteration") {
  const matrix z(9, 4, 1), c(5, 4, 2);
  for (const sinkhorn& assign : {sinkhorn{0.3, 1}, sinkhorn{0.5, 3}, sinkhorn{0.2, 10}}) {
    const numbers found = codes(assign, z, c, 9), expected = plain_codes(assign, z, c);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i] == Approx(expected[i]).epsilon(1e-12).margin(1e-15));
    }
    const numbers last = codes(assign, z, c, 4);
    CHECK(last == numbers(found.end() - 4 * 5, found.end()));
  }
}

TEST_CASE("rows that take no part change nothing, whatever they are") {
  const matrix all(9, 4, 1), c(5, 4, 2);
  matrix last(6, 4, 0);
  last.values.assign(all.values.begin() + 3 * 4, all.values.end());
  const numbers found = codes({0.1, 3}, all, c, 4, 3), expected = codes({0.1, 3}, last, c, 4);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i] == Approx(expected[i]).epsilon(1e-13).margin(1e-15));
  }
}

TEST_CASE("codes of a row sum to 1, and after many iterations prototypes have equal shares") {
  const matrix z(12, 4, 1), c(6, 4, 2);
  const numbers q = codes({0.5, 200}, z, c, 12);
  for (std::size_t r = 0; r < 12; ++r) {
    double sum = 0;
    for (std::size_t k = 0; k < 6; ++k) sum += q[r * 6 + k];
    CHECK(sum == Approx(1).epsilon(1e-12));
  }
  for (std::size_t k = 0; k < 6; ++k) {
    double sum = 0;
    for (std::size_t r = 0; r < 12; ++r) sum += q[r * 6 + k];
    CHECK(sum == Approx(2).epsilon(1e-9));
  }
}

TEST_CASE("codes are finite however hard they are asked to be") {
  const matrix z(6, 4, 1), c(3, 4, 2);
  for (const double q : codes({1e-4, 3}, z, c, 6)) CHECK((q >= 0 && q <= 1 + 1e-12));
}

TEST_CASE("codes of rows and prototypes that do not fit are refused") {
  const matrix z(6, 4, 1), c(3, 4, 2), wide(3, 5, 2);
  CHECK(thrown_by([&] { codes({}, z, wide, 6); }).says("sinkhorn"));
  CHECK(thrown_by([&] { codes({}, z, c, 7); }).kind == error_kind::usage);
  CHECK(thrown_by([&] { codes({}, z, c, 4, 3); }).kind == error_kind::usage);
}
