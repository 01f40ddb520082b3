#include <triptych/eval/logistic_regression.hpp>
#include <triptych/eval/softmax_objective.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/core/philox.hpp>
#include <triptych/eval/lbfgs.hpp>

#include "eval/synthetic_features.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych::eval;

TEST_CASE("the gradient of the logistic loss agrees with finite differences") {
  const feature_set train = clouds(601, 5, 4, 0.7f, 0);
  triptych::thread_pool pool(2);
  const softmax_objective objective(train, 0.01, pool);
  Eigen::VectorXd x(objective.parameters()), gradient(x.size()), unused(x.size());
  triptych::random_stream random(triptych::test::seeded(1), triptych::stream::evaluate);
  for (double& v : x) v = 0.3 * double(random.normal());
  objective(x, gradient);
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    Eigen::VectorXd up = x, down = x;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    const double slope = (objective(up, unused) - objective(down, unused)) / 2e-5;
    CHECK(gradient[i] == Approx(slope).epsilon(1e-6).margin(1e-9));
  }
}

TEST_CASE("logistic regression converges to one optimum from two starts") {
  const feature_set train = clouds(400, 6, 5, 0.5f, 0);
  triptych::thread_pool pool(2);
  const double l2 = 1e-2, tolerance = 1e-9;
  const softmax_objective objective(train, l2, pool);
  Eigen::VectorXd far = Eigen::VectorXd::Zero(objective.parameters());
  triptych::random_stream random(triptych::test::seeded(2), triptych::stream::evaluate);
  for (double& v : far.head(30)) v = 3.0 * double(random.normal());
  const auto a = minimize(objective, Eigen::VectorXd::Zero(far.size()), {tolerance, 1000, 10});
  const auto b = minimize(objective, far, {tolerance, 1000, 10});
  REQUIRE(a.converged);
  REQUIRE(b.converged);
  CHECK(a.gradient_norm <= tolerance);
  CHECK(a.value == Approx(b.value).epsilon(1e-12));
  // f is l2-strongly convex in the weights: |w - w*| <= |gradient| / l2.
  CHECK((a.x - b.x).head(30).norm() <= (a.gradient_norm + b.gradient_norm) / l2);
}

TEST_CASE("without information the classifier is the class frequencies") {
  feature_set train{6, 1, 2, std::vector<float>(6, 0.0f), {0, 0, 0, 0, 1, 1}};
  triptych::thread_pool pool(1);
  const logistic_result result = logistic_regression(train, train, {}, pool);
  CHECK(result.converged);
  CHECK(result.train.percent().top1 == Approx(100.0 * 4 / 6));
  // Entropy of (2/3, 1/3).
  CHECK(result.loss == Approx(std::log(3.0) - 2.0 / 3.0 * std::log(2.0)).epsilon(1e-9));
}

TEST_CASE("logistic regression gives the same bits for any number of threads") {
  const feature_set train = clouds(1003, 20, 10, 0.3f, 0), test = clouds(200, 20, 10, 0.3f, 1);
  triptych::thread_pool one(1);
  const logistic_result expected = logistic_regression(train, test, {}, one);
  CHECK(expected.converged);
  CHECK(expected.test.percent().top1 > 20);  // 10 would be chance
  for (const int threads : {2, 3, 8}) {
    triptych::thread_pool pool(threads);
    const logistic_result result = logistic_regression(train, test, {}, pool);
    CHECK(result.loss == expected.loss);
    CHECK(result.gradient_norm == expected.gradient_norm);
    CHECK(result.iterations == expected.iterations);
    CHECK(result.test == expected.test);
  }
}

TEST_CASE("the penalty chosen on held-out training rows fits what there is to learn") {
  triptych::thread_pool pool(2);
  const std::vector<double> candidates{1e-4, 10};
  // Many rows of few features: hardly any penalty; noise alone: as much as there is.
  CHECK(choose_l2(clouds(1000, 4, 4, 1.0f, 0), pool, candidates) == 1e-4);
  CHECK(choose_l2(clouds(200, 30, 4, 0.0f, 0), pool, candidates) == 10);
  CHECK_THROWS_AS(choose_l2(clouds(8, 2, 2, 1.0f, 0), pool), triptych::error);
}

TEST_CASE(
    "penalties are tried from the largest down until one is worse, and a watch changes no bit") {
  triptych::thread_pool pool(2);
  const feature_set noise = clouds(200, 30, 4, 0.0f, 0), train = clouds(1003, 20, 10, 0.3f, 0);
  std::vector<double> tried;
  const auto note = [&](const fit_progress& fit) {
    CHECK(fit.iteration > 0);
    CHECK(fit.gradient_norm >= 0);
    if (tried.empty() || tried.back() != fit.l2) tried.push_back(fit.l2);
  };
  CHECK(choose_l2(noise, pool, std::vector<double>{1e-3, 10, 1e-1, 1e-4}, {}, note) == 10);
  CHECK(tried == std::vector<double>{10, 1e-1});
  tried.clear();
  const auto watched = logistic_regression(train, train, {}, pool, note);
  const auto alone = logistic_regression(train, train, {}, pool);
  CHECK(tried == std::vector<double>{1e-2});
  CHECK(watched.loss == alone.loss);
  CHECK(watched.test == alone.test);
  struct stop {};
  CHECK_THROWS_AS(
      logistic_regression(train, train, {}, pool, [](const fit_progress&) { throw stop(); }), stop);
}

TEST_CASE("loss and gradient are those of the formula for any number of classes") {
  const int classes = GENERATE(1, 3, 8, 13);
  const double spread = GENERATE(1.0, 300.0);  // with scores far below the highest
  const feature_set train = clouds(20, 3, classes, 1.0f, 0);
  triptych::thread_pool pool(1);
  const softmax_objective objective(train, 0.0, pool);
  Eigen::VectorXd x(objective.parameters()), gradient(x.size());
  triptych::random_stream random(triptych::test::seeded(6), triptych::stream::evaluate);
  for (double& v : x) v = spread * double(random.normal());
  Eigen::VectorXd expected = Eigen::VectorXd::Zero(x.size());
  double loss = 0;
  for (std::int64_t i = 0; i < train.size; ++i) {
    const float* row = train.row(i);
    Eigen::VectorXd scores = x.tail(classes);
    for (int c = 0; c < classes; ++c) {
      for (int d = 0; d < 3; ++d) scores[c] += x[3 * c + d] * double(row[d]);
    }
    const auto label = train.labels[static_cast<std::size_t>(i)];
    const double highest = scores.maxCoeff();
    double sum = 0;
    for (const double s : scores) sum += std::exp(s - highest);
    loss += std::log(sum) - (scores[label] - highest);
    for (int c = 0; c < classes; ++c) {
      const double slope = std::exp(scores[c] - highest) / sum - (c == label ? 1.0 : 0.0);
      for (int d = 0; d < 3; ++d) expected[3 * c + d] += slope * double(row[d]) / 20;
      expected[3 * classes + c] += slope / 20;
    }
  }
  CHECK(objective(x, gradient) == Approx(loss / 20).epsilon(1e-12).margin(1e-15));
  CHECK((gradient - expected).norm() <= 1e-11 * (1 + expected.norm()));
}

TEST_CASE("logistic regression refuses a penalty that is not positive") {
  const feature_set train = clouds(10, 2, 2, 1.0f, 0);
  triptych::thread_pool pool(1);
  CHECK_THROWS_AS(logistic_regression(train, train, {.l2 = 0.0}, pool), triptych::error);
}
