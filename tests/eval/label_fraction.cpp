#include <triptych/eval/label_fraction.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "eval/synthetic_features.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych::eval;

namespace {

/// Of class c 10 (c + 1) rows, of class 4 none, of class 5 one; in turn.
std::vector<std::int32_t> uneven_labels() {
  std::vector<std::int32_t> labels;
  for (int round = 0; round < 40; ++round) {
    for (std::int32_t c = 0; c < 4; ++c) {
      if (round < 10 * (c + 1)) labels.push_back(c);
    }
  }
  labels.push_back(5);
  return labels;
}

}  // namespace

TEST_CASE("a share of the labels is that share of each class, one row at least") {
  const auto labels = uneven_labels();
  for (const auto& [fraction, expected] : {std::pair{0.01, std::vector{1, 1, 1, 1, 0, 1}},
                                           {0.1, {1, 2, 3, 4, 0, 1}},
                                           {0.25, {3, 5, 8, 10, 0, 1}},
                                           {1.0, {10, 20, 30, 40, 0, 1}}}) {
    const auto rows = draw_labels(labels, 6, fraction, triptych::test::seeded(1));
    std::vector<int> counts(6);
    for (const auto row : rows) {
      ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(row)])];
    }
    INFO(fraction);
    CHECK(counts == expected);
    CHECK(std::is_sorted(rows.begin(), rows.end()));
    CHECK(std::adjacent_find(rows.begin(), rows.end()) == rows.end());
  }
}

TEST_CASE("a share follows from its seed, and a larger one holds a smaller one") {
  const auto labels = uneven_labels();
  const auto seed = triptych::test::seeded(2);
  const auto tenth = draw_labels(labels, 6, 0.1, seed), half = draw_labels(labels, 6, 0.5, seed);
  CHECK(draw_labels(labels, 6, 0.1, seed) == tenth);
  CHECK(std::includes(half.begin(), half.end(), tenth.begin(), tenth.end()));
  CHECK(draw_labels(labels, 6, 0.5, seed + 1) != half);
}

TEST_CASE("chosen rows are those of the set") {
  const feature_set set = clouds(10, 3, 2, 1.0f, 0);
  const feature_set some = chosen_rows(set, std::vector<std::int64_t>{7, 2});
  CHECK(some.size == 2);
  CHECK(some.labels == std::vector{set.labels[7], set.labels[2]});
  for (int d = 0; d < 3; ++d) {
    CHECK(some.row(0)[d] == set.row(7)[d]);
    CHECK(some.row(1)[d] == set.row(2)[d]);
  }
  CHECK_THROWS_AS(chosen_rows(set, std::vector<std::int64_t>{10}), triptych::error);
}

TEST_CASE("what is no share of labels is refused") {
  const auto labels = uneven_labels();
  for (const double wrong :
       {0.0, -0.1, 1.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(draw_labels(labels, 6, wrong, 1), triptych::error);
  }
  CHECK_THROWS_AS(draw_labels(labels, 5, 0.1, 1), triptych::error);  // a label of class 5
}
