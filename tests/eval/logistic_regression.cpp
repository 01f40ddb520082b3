#include <triptych/eval/logistic_regression.hpp>
#include <triptych/eval/softmax_objective.hpp>

#include <cmath>
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

TEST_CASE("logistic regression refuses a penalty that is not positive") {
  const feature_set train = clouds(10, 2, 2, 1.0f, 0);
  triptych::thread_pool pool(1);
  CHECK_THROWS_AS(logistic_regression(train, train, {.l2 = 0.0}, pool), triptych::error);
}
