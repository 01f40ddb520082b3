#include <triptych/eval/knn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "eval/synthetic_features.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych::eval;

namespace {

/// All similarities in double, a full stable sort, votes as the formula says.
std::vector<double> naive_votes(const feature_set& train, const feature_set& test, int k,
                                double temperature) {
  const auto dot = [](const float* a, const float* b, int n) {
    return std::inner_product(a, a + n, b, 0.0);
  };
  std::vector<double> votes;
  for (std::int64_t q = 0; q < test.size; ++q) {
    std::vector<double> similarity;
    for (std::int64_t i = 0; i < train.size; ++i) {
      const float *a = train.row(i), *b = test.row(q);
      similarity.push_back(dot(a, b, train.dim) / std::sqrt(dot(a, a, train.dim)) /
                           std::sqrt(dot(b, b, train.dim)));
    }
    std::vector<std::size_t> order(similarity.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return similarity[a] > similarity[b]; });
    std::vector<double> vote(static_cast<std::size_t>(train.classes));
    const auto count = std::min(order.size(), static_cast<std::size_t>(k));
    for (std::size_t n = 0; n < count; ++n) {
      vote[static_cast<std::size_t>(train.labels[order[n]])] +=
          std::exp((similarity[order[n]] - similarity[order[0]]) / temperature);
    }
    votes.insert(votes.end(), vote.begin(), vote.end());
  }
  return votes;
}

/// Rows of +1 and -1, whose similarities are exact multiples of 1/8 and therefore often equal.
feature_set sign_rows(std::int64_t size, std::uint32_t part) {
  feature_set set{size, 16, 5, {}, {}};
  triptych::random_stream random(triptych::test::seeded(3), triptych::stream::procedural, part);
  for (std::int64_t i = 0; i < size * 16; ++i) {
    set.values.push_back(random.below(2) == 0 ? -1.0f : 1.0f);
  }
  for (std::int64_t i = 0; i < size; ++i) {
    set.labels.push_back(static_cast<std::int32_t>(random.below(5)));
  }
  return set;
}

void compare(const feature_set& train, const feature_set& test, int k, float temperature) {
  triptych::thread_pool pool(2);
  const auto votes = knn_votes(train, test, {k, temperature}, pool);
  const auto expected = naive_votes(train, test, k, double(temperature));
  REQUIRE(votes.size() == expected.size());
  for (std::size_t i = 0; i < votes.size(); ++i) {
    REQUIRE(votes[i] == Approx(expected[i]).epsilon(1e-4).margin(1e-5));
  }
}

}  // namespace

TEST_CASE("kNN votes agree with the naive formula on sizes that fill no block") {
  const auto k = GENERATE(1, 7, 200);
  compare(clouds(1301, 13, 4, 0.5f, 0), clouds(67, 13, 4, 0.5f, 1), k, 0.1f);
}

TEST_CASE("equally near neighbors are taken in the order of their index") {
  const auto k = GENERATE(1, 2, 10, 100);
  compare(sign_rows(1100, 0), sign_rows(65, 1), k, 0.1f);
}

TEST_CASE("the nearest rows are those that vote, the nearest first") {
  const feature_set train = sign_rows(1100, 0), test = sign_rows(65, 1);
  triptych::thread_pool pool(2);
  const auto found = nearest_neighbors(train, test, 10, pool);
  REQUIRE(found.size() == 65);
  std::vector<float> votes;
  for (const auto& row : found) {
    REQUIRE(row.size() == 10);
    CHECK(std::is_sorted(row.begin(), row.end()));
    std::vector<float> own(5);
    for (const auto& n : row) {
      own[static_cast<std::size_t>(train.labels[static_cast<std::size_t>(n.index)])] +=
          std::exp((n.similarity - row.front().similarity) / 0.1f);
    }
    votes.insert(votes.end(), own.begin(), own.end());
  }
  CHECK(votes == knn_votes(train, test, {10, 0.1f}, pool));
  CHECK(nearest_neighbors(test, test, 200, pool).front().size() == 65);
}

TEST_CASE("more neighbors than training rows means all of them") {
  compare(clouds(31, 8, 3, 1.0f, 0), clouds(9, 8, 3, 1.0f, 1), 200, 0.1f);
}

TEST_CASE("a low temperature neither overflows nor silences the nearest neighbor") {
  const feature_set train = clouds(100, 8, 3, 1.0f, 0), test = clouds(9, 8, 3, 1.0f, 1);
  triptych::thread_pool pool(1);
  CHECK(knn(train, test, {200, 1e-4f}, pool) == knn(train, test, {1, 0.1f}, pool));
}

TEST_CASE("kNN gives the same bits for any number of threads") {
  const feature_set train = clouds(1500, 32, 10, 0.3f, 0), test = clouds(301, 32, 10, 0.3f, 1);
  triptych::thread_pool one(1);
  const auto expected = knn_votes(train, test, {}, one);
  for (const int threads : {2, 3, 8}) {
    triptych::thread_pool pool(threads);
    CHECK(knn_votes(train, test, {}, pool) == expected);
  }
}

TEST_CASE("kNN classifies well separated clouds and refuses bad options") {
  const feature_set train = clouds(300, 16, 10, 3.0f, 0), test = clouds(100, 16, 10, 3.0f, 1);
  triptych::thread_pool pool(2);
  CHECK(knn(train, test, {20, 0.1f}, pool).percent() == accuracy{100, 100, 100});
  CHECK_THROWS_AS(knn(train, test, {0, 0.1f}, pool), triptych::error);
  CHECK_THROWS_AS(knn(train, test, {20, 0.0f}, pool), triptych::error);
}

TEST_CASE("kNN gives the same bits in little memory, and makes no row more often than it must") {
  const feature_set train = clouds(2500, 24, 10, 0.2f, 0), test = clouds(301, 24, 10, 0.2f, 1);
  triptych::thread_pool pool(2);
  const auto whole = knn(train, test, {}, pool);
  CHECK(whole.percent().top1 < 90);  // so that other bits would show
  const auto votes = knn_votes(train, test, {}, pool);
  for (const std::int64_t memory :
       {std::int64_t{1}, std::int64_t{1} << 20, std::int64_t{1} << 30}) {
    CHECK(knn_votes(train, test, {.memory = memory}, pool) == votes);
    // Rows that are made when they are asked for, and forgotten.
    std::int64_t made = 0, longest = 0;
    const auto on_demand = [&](const feature_set& set) {
      row_source source = rows_of(set);
      source.rows = [&](std::int64_t first, std::int64_t count, std::vector<float>& memory_of_it) {
        memory_of_it.assign(set.row(first), set.row(first) + count * set.dim);
        made += &set == &train ? count : 0;
        longest = std::max(longest, count);
        return static_cast<const float*>(memory_of_it.data());
      };
      return source;
    };
    std::int64_t parts = 0, last = 0;
    const auto found = knn(on_demand(train), on_demand(test), {.memory = memory}, pool,
                           [&](std::int64_t done, std::int64_t total) {
                             CHECK(done == last + 1);
                             CHECK(done <= total);
                             last = done;
                             parts = total / 3;  // blocks of 1024
                           });
    CHECK(found == whole);
    CHECK(parts == (memory == 1 ? 5 : memory == 1 << 20 ? 3 : 1));
    CHECK(last == 3 * parts);
    CHECK(made == parts * train.size);
    CHECK(longest == 1024);
  }
}

TEST_CASE("kNN takes fewer training rows at a time where they are long, and names a bad one") {
  const int dim = 1 << 18;  // 64 rows are 64 MiB
  const std::vector<std::int32_t> labels(130);
  std::int64_t longest = 0;
  bool bad = false;
  const row_source source{130, dim, 1, labels,
                          [&](std::int64_t first, std::int64_t n, std::vector<float>& memory) {
                            longest = std::max(longest, n);
                            memory.assign(static_cast<std::size_t>(n * dim), 1.0f);
                            if (bad && first > 0) memory[5] = std::nanf("");
                            return static_cast<const float*>(memory.data());
                          }};
  triptych::thread_pool pool(2);
  CHECK(knn(source, source, {.memory = 1}, pool).percent().top1 == 100);
  CHECK(longest == 64);
  bad = true;
  const auto refusal = [&] {
    try {
      static_cast<void>(knn(source, source, {.memory = 1}, pool));
    } catch (const triptych::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal().find("training features: row 64, feature 5 is NaN") == 0);
}
