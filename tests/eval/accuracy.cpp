#include <triptych/eval/accuracy.hpp>

#include <array>
#include <limits>

#include "support/catch.hpp"

using triptych::eval::hit_count;

namespace {

hit_count count_row(const std::array<float, 7>& scores, int label) {
  hit_count hits;
  hits.add(scores.data(), 7, label);
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
