#include <triptych/eval/accuracy.hpp>

#include <array>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace triptych::eval;

namespace {

hit_count count_row(const std::array<float, 7>& scores, int label) {
  hit_count hits;
  hits.add(rank(scores.data(), 7, label));
  return hits;
}

}  // namespace

TEST_CASE("the label with the highest score is a top-1 hit") {
  const std::array<float, 7> scores{0, 1, 2, 9, 4, 5, 6};
  CHECK(count_row(scores, 3).top1 == 1);
  CHECK(count_row(scores, 6).top1 == 0);
  CHECK(count_row(scores, 2).top5 == 1);
  CHECK(count_row(scores, 1).top5 == 0);
}

TEST_CASE("among equal scores the lowest index ranks first") {
  const std::array<float, 7> equal{};
  CHECK(count_row(equal, 0).top1 == 1);
  CHECK(count_row(equal, 1).top1 == 0);
  CHECK(count_row(equal, 4).top5 == 1);
  CHECK(count_row(equal, 5).top5 == 0);
  const std::array<float, 7> pair{1, 3, 2, 3, 0, 0, 0};
  CHECK(count_row(pair, 1).top1 == 1);
  CHECK(count_row(pair, 3).top1 == 0);
}

TEST_CASE("scores that are not numbers are no hits") {
  std::array<float, 7> scores{};
  scores.fill(std::numeric_limits<float>::quiet_NaN());
  for (int label = 0; label < 7; ++label) {
    CHECK(count_row(scores, label).top1 == 0);
    CHECK(count_row(scores, label).top5 == 0);
  }
}

TEST_CASE("hits of parts add up and become percentages") {
  hit_count all{1, 2, 4};
  all += hit_count{1, 3, 4};
  CHECK(all.percent().top1 == 25.0);
  CHECK(all.percent().top5 == 62.5);
  CHECK(hit_count{}.percent().top1 == 0.0);
}

TEST_CASE("the interval of a share is Wilson's") {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
  // (1998), table I, method 3; 29 of 29 is 0 of 29 mirrored.
  struct published {
    std::int64_t hits, total;
    double low, high;
  };
  for (const auto& p : {published{81, 263, 25.53, 36.62}, published{15, 148, 6.24, 16.05},
                        published{0, 20, 0, 16.11}, published{1, 29, 0.61, 17.18}}) {
    const interval found = wilson_interval(p.hits, p.total);
    const interval mirrored = wilson_interval(p.total - p.hits, p.total);
    CHECK(found.low == Approx(p.low).margin(0.005));
    CHECK(found.high == Approx(p.high).margin(0.005));
    CHECK(mirrored.low == Approx(100 - p.high).margin(0.005));
    CHECK(mirrored.high == Approx(100 - p.low).margin(0.005));
  }
  // statsmodels 0.14: proportion_confint(4321, 10000, method="wilson")
  CHECK(wilson_interval(4321, 10000).low == Approx(42.24188657256582).epsilon(1e-12));
  CHECK(wilson_interval(4321, 10000).high == Approx(44.18332812530796).epsilon(1e-12));
  CHECK(wilson_interval(0, 7).low == 0);
  CHECK(wilson_interval(7, 7).high == 100);
  for (const auto& [hits, total] : {std::array<std::int64_t, 2>{-1, 5}, {6, 5}, {0, 0}}) {
    CHECK_THROWS_AS(wilson_interval(hits, total), triptych::error);
  }
}
