#include <triptych/eval/confusion.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace triptych::eval;

namespace {

/// Rows of these classes, taken for those.
confusion_matrix counted(int classes, const std::vector<std::int32_t>& labels,
                         const std::vector<std::int32_t>& best) {
  confusion_matrix found(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<float> scores(static_cast<std::size_t>(classes));
    scores[static_cast<std::size_t>(best[i])] = 1;
    found.add(rank(scores.data(), classes, labels[i]), labels[i]);
  }
  return found;
}

}  // namespace

TEST_CASE("a confusion matrix and the mean per class are those of scikit-learn") {
  // sklearn.metrics: confusion_matrix, balanced_accuracy_score. No row is of class 3.
  const auto found = counted(4, {0, 0, 0, 0, 1, 1, 2, 2, 2}, {0, 0, 0, 1, 1, 0, 2, 3, 2});
  const std::array<std::array<std::int64_t, 4>, 4> expected{
      {{3, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 2, 1}, {0, 0, 0, 0}}};
  for (std::int32_t label = 0; label < 4; ++label) {
    for (std::int32_t c = 0; c < 4; ++c) {
      CHECK(found.count(label, c) ==
            expected[static_cast<std::size_t>(label)][static_cast<std::size_t>(c)]);
    }
  }
  const accuracy all = found.percent();
  CHECK(all.top1 == Approx(100 * 6.0 / 9));
  REQUIRE(all.mean_per_class);
  CHECK(*all.mean_per_class == Approx(63.888888888888886).epsilon(1e-12));
  CHECK_FALSE(confusion_matrix(4).percent().mean_per_class);
}

TEST_CASE("confusion matrices of parts add up in any order") {
  const auto a = counted(3, {0, 1, 2}, {0, 0, 0}), b = counted(3, {0, 1}, {2, 0});
  auto ab = a, ba = b;
  ab += b;
  ba += a;
  CHECK(ab == ba);
  CHECK(ab == counted(3, {0, 1, 2, 0, 1}, {0, 0, 0, 2, 0}));
  CHECK(ab.hits() == hit_count{1, 5, 5});
  CHECK_THROWS_AS(ab += confusion_matrix(4), triptych::error);
}

TEST_CASE("a row with a score that is not a number is taken for no class") {
  const std::array<float, 3> scores{1, std::numeric_limits<float>::quiet_NaN(), 0};
  confusion_matrix found(3);
  found.add(rank(scores.data(), 3, 0), 0);
  for (std::int32_t c = 0; c < 3; ++c) CHECK(found.count(0, c) == 0);
  CHECK(found.percent().mean_per_class == 0);
  CHECK(found.hits().total == 1);
}
