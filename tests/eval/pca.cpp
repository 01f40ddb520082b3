#include <triptych/eval/pca.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <triptych/core/philox.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/thrown.hpp"

using namespace triptych::eval;

TEST_CASE("rows on a line have one component, along it") {
  std::vector<float> x;
  for (const float t : {-2.0f, 0.0f, 1.0f, 5.0f}) x.insert(x.end(), {3 * t + 7, 4 * t - 1});
  const auto found = pca(x, 4, 2, 2);
  CHECK(found.variance_shares[0] == Approx(1.0));
  CHECK(found.variance_shares[1] == Approx(0.0).margin(1e-12));
  // The mean of t is 1, and a step of t is five long.
  const std::vector<float> along{-15, -5, 0, 20};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(found.scores[2 * i] == Approx(along[i]).margin(1e-5));
    CHECK(found.scores[2 * i + 1] == Approx(0.0f).margin(1e-5));
  }
}

TEST_CASE("all components keep all distances, and their scores are uncorrelated and ordered") {
  triptych::random_stream random(triptych::test::seeded(5), triptych::stream::procedural);
  for (const auto& [rows, dim] : {std::pair<std::int64_t, int>{40, 6}, {6, 40}}) {
    std::vector<float> x(static_cast<std::size_t>(rows * dim));
    for (float& v : x) v = random.normal();
    const int components = 6;
    const auto found = pca(x, rows, dim, components);
    const auto distance = [&](const std::vector<float>& list, std::int64_t i, int size) {
      double sum = 0;
      for (int d = 0; d < size; ++d) {
        const double difference = double(list[static_cast<std::size_t>(i * size + d)]) -
                                  double(list[static_cast<std::size_t>(d)]);
        sum += difference * difference;
      }
      return std::sqrt(sum);
    };
    for (std::int64_t i = 1; i < rows; ++i) {
      CHECK(distance(found.scores, i, components) == Approx(distance(x, i, dim)).epsilon(1e-5));
    }
    double shares = 0;
    for (const double share : found.variance_shares) shares += share;
    CHECK(shares == Approx(1.0));
    for (int a = 0; a < components; ++a) {
      for (int b = 0; b < a; ++b) {
        CHECK(found.variance_shares[static_cast<std::size_t>(b)] >=
              found.variance_shares[static_cast<std::size_t>(a)]);
        double product = 0;
        for (std::int64_t i = 0; i < rows; ++i) {
          const auto row = static_cast<std::size_t>(i * components);
          product += double(found.scores[row + static_cast<std::size_t>(a)]) *
                     double(found.scores[row + static_cast<std::size_t>(b)]);
        }
        CHECK(product == Approx(0.0).margin(1e-3));
      }
    }
  }
}

TEST_CASE("rows that are all the same, or a single one, have no component") {
  const std::vector<float> same{1, 2, 1, 2, 1, 2};
  CHECK(pca(same, 3, 2, 2).scores == std::vector<float>(6, 0.0f));
  CHECK(pca(std::vector<float>{1, 2}, 1, 2, 3).scores == std::vector<float>(3, 0.0f));
}

TEST_CASE("sizes that do not fit, and what is not finite, are refused") {
  const std::vector<float> x{1, 2, 3, std::numeric_limits<float>::infinity()};
  CHECK(thrown_by([&] { pca(x, 3, 2, 1); }).says("pca: 4 values are not 3 rows of 2 features"));
  CHECK(thrown_by([&] { pca(x, 2, 2, 0); }).says("ask for at least one"));
  CHECK(thrown_by([&] { pca(x, 2, 2, 1); }).says("pca: row 1, feature 1 is NaN or infinite"));
}
