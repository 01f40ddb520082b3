#include <triptych/eval/tsne.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/core/philox.hpp>
#include <triptych/eval/pca.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/thrown.hpp"

using namespace triptych::eval;
using triptych::thread_pool;

namespace {

constexpr std::int64_t in_cluster = 30;
constexpr int dim = 10;

/// `clusters` clouds far from each other, one behind the other.
std::vector<float> clouds(int clusters) {
  triptych::random_stream random(triptych::test::seeded(6), triptych::stream::procedural);
  std::vector<float> x;
  for (int c = 0; c < clusters; ++c) {
    for (std::int64_t i = 0; i < in_cluster; ++i) {
      for (int d = 0; d < dim; ++d) x.push_back(random.normal() + (d == c ? 40.0f : 0.0f));
    }
  }
  return x;
}

double distance(const std::vector<float>& y, std::int64_t a, std::int64_t b) {
  const auto i = static_cast<std::size_t>(2 * a), j = static_cast<std::size_t>(2 * b);
  return std::hypot(double(y[i]) - double(y[j]), double(y[i + 1]) - double(y[j + 1]));
}

}  // namespace

TEST_CASE("clusters stay clusters: the nearest rows in the plane are of the same one") {
  thread_pool pool(2);
  constexpr int clusters = 4;
  const std::int64_t rows = clusters * in_cluster;
  const auto y = tsne(clouds(clusters), rows, dim, {.perplexity = 10}, pool);
  REQUIRE(y.size() == static_cast<std::size_t>(2 * rows));
  double sums[2]{};
  for (std::int64_t i = 0; i < rows; ++i) {
    std::int64_t nearest = i == 0 ? 1 : 0;
    for (std::int64_t j = 0; j < rows; ++j) {
      if (j != i && distance(y, i, j) < distance(y, i, nearest)) nearest = j;
    }
    CHECK(nearest / in_cluster == i / in_cluster);
    for (int c = 0; c < 2; ++c) sums[c] += double(y[static_cast<std::size_t>(2 * i + c)]);
  }
  for (const double sum : sums) CHECK(sum / double(rows) == Approx(0.0).margin(1e-3));
}

TEST_CASE("the same bits on any number of threads and in every call") {
  const auto x = clouds(3);
  thread_pool one(1), three(3);
  const tsne_options options{.perplexity = 10, .iterations = 60};
  const auto y = tsne(x, 3 * in_cluster, dim, options, one);
  CHECK(tsne(x, 3 * in_cluster, dim, options, three) == y);
  CHECK(tsne(x, 3 * in_cluster, dim, options, three) == y);
}

TEST_CASE("a start that is given takes the place of the principal components") {
  const auto x = clouds(3);
  const std::int64_t rows = 3 * in_cluster;
  thread_pool pool(1);
  const tsne_options options{.perplexity = 10, .iterations = 60};
  const auto start = pca(x, rows, dim, 2).scores;
  CHECK(tsne(x, rows, dim, options, pool, {}, start) == tsne(x, rows, dim, options, pool));
  const std::vector<float> other(start.rbegin(), start.rend());
  CHECK(tsne(x, rows, dim, options, pool, {}, other) != tsne(x, rows, dim, options, pool));
  CHECK(thrown_by([&] {
          tsne(x, rows, dim, options, pool, {}, std::vector<float>(4));
        }).says("a start of 4 values"));
  auto wrong = x;
  wrong[12] = NAN;
  CHECK(thrown_by([&] {
          tsne(wrong, rows, dim, options, pool, {}, start);
        }).says("row 1, feature 2 is NaN or infinite"));
}

TEST_CASE("few rows, and rows that are all the same, are placed without a fault") {
  thread_pool pool(1);
  CHECK(tsne(std::vector<float>{1, 2}, 1, 2, {}, pool) == std::vector<float>{0, 0});
  const auto two = tsne(std::vector<float>{0, 0, 3, 4}, 2, 2, {}, pool);
  CHECK(distance(two, 0, 1) == Approx(5.0));
  CHECK(tsne(std::vector<float>(40, 1.0f), 20, 2, {}, pool) == std::vector<float>(40, 0.0f));
  // Pairs of equal rows: a distance of 0 is no division by it.
  std::vector<float> twins;
  for (int i = 0; i < 12; ++i) twins.insert(twins.end(), {float(i / 2), float(i / 2 % 2)});
  for (const float v : tsne(twins, 12, 2, {}, pool)) CHECK(std::isfinite(v));
}

TEST_CASE("what t-SNE cannot take is refused, and its progress can end it") {
  thread_pool pool(1);
  const auto x = clouds(1);
  CHECK(thrown_by([&] { tsne(x, 7, dim, {}, pool); }).says("values are not 7 rows"));
  CHECK(thrown_by([&] {
          tsne(x, in_cluster, dim, {.perplexity = 0.5}, pool);
        }).says("perplexity and exaggeration are at least 1"));
  int last = 0;
  const auto note = [&](int done, int total) {
    CHECK((last < done && done <= total));
    last = done;
  };
  tsne(x, in_cluster, dim, {.iterations = 64}, pool, note);
  CHECK(last == 64);
}
