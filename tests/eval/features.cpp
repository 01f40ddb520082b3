#include <triptych/eval/encode.hpp>
#include <triptych/eval/features.hpp>

#include <cmath>
#include <limits>

#include "eval/synthetic_features.hpp"
#include "support/catch.hpp"

using namespace triptych::eval;

TEST_CASE("standardized training features have mean 0 and deviation 1") {
  feature_set train = clouds(501, 7, 3, 4.0f, 0);
  for (std::size_t i = 0; i < train.values.size(); i += 7) train.values[i] = 0.1f;  // constant
  standardize(train, fit_standardizer(train));
  for (std::size_t d = 0; d < 7; ++d) {
    double sum = 0, squares = 0;
    for (std::size_t i = d; i < train.values.size(); i += 7) {
      sum += double(train.values[i]);
      squares += double(train.values[i] * train.values[i]);
    }
    CHECK(std::abs(sum / 501) < 1e-6);
    CHECK(squares / 501 == Approx(d == 0 ? 0.0 : 1.0).margin(1e-6));
  }
}

TEST_CASE("test features are standardized by the training set's moments") {
  const feature_set train{2, 1, 1, {1, 3}, {0, 0}};
  feature_set test{1, 1, 1, {5}, {0}};
  standardize(test, fit_standardizer(train));
  CHECK(test.values[0] == 3.0f);
}

TEST_CASE("pixels become features normalized by their channel") {
  triptych::data::image_set images{.name = "one", .height = 2, .width = 2, .classes = 2};
  images.pixels = {0, 51, 255, 255, 0, 102, 0, 0, 0, 255, 255, 255};
  images.labels = {1};
  images.mean = {0.5f, 0.2f, 0.0f};
  images.deviation = {0.5f, 0.1f, 2.0f};
  triptych::thread_pool pool(1);
  const row_source set = pixel_rows(images, 2, pool);
  CHECK(set.size == 1);
  CHECK(set.dim == 12);
  CHECK(set.labels.data() == images.labels.data());
  const std::vector<float> expected{-1, 0, 0.5f, 1, -2, 0.2f};
  std::vector<float> memory;
  const float* row = set.rows(0, 1, memory);
  for (std::size_t i = 0; i < 6; ++i) CHECK(row[i] == Approx(expected[i]).margin(1e-6));
}

TEST_CASE("unsound feature sets are refused with their row named") {
  const auto sentence = [](const feature_set& set) {
    try {
      check(set, "training features");
    } catch (const triptych::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const feature_set sound = clouds(4, 2, 2, 1.0f, 0);
  CHECK(sentence(sound).empty());
  CHECK(sentence({}).find("training features: 0 rows") == 0);
  feature_set bad = sound;
  bad.labels[2] = 2;
  CHECK(sentence(bad).find("row 2 has label 2, outside 0 to 1") != std::string::npos);
  bad = sound;
  bad.values[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(sentence(bad).find("row 2, feature 1 is NaN") != std::string::npos);
  bad = sound;
  bad.labels.pop_back();
  CHECK(sentence(bad).find("3 labels do not make 4 rows") != std::string::npos);
  bad = clouds(4, 3, 2, 1.0f, 0);
  CHECK_THROWS_AS(check_pair(sound, bad), triptych::error);
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
