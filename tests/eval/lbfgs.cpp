#include <triptych/eval/lbfgs.hpp>

#include <cmath>

#include "support/catch.hpp"

using Eigen::VectorXd;
using triptych::eval::minimize;

TEST_CASE("L-BFGS finds the bottom of Rosenbrock's valley") {
  const auto valley = [](const VectorXd& x, VectorXd& gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  const auto result = minimize(valley, VectorXd{{-1.2, 1.0}}, {1e-9, 100, 10});
  CHECK(result.converged);
  CHECK(result.x[0] == Approx(1.0).epsilon(1e-8));
  CHECK(result.x[1] == Approx(1.0).epsilon(1e-8));
}

TEST_CASE("L-BFGS solves a badly scaled quadratic") {
  const VectorXd scale =
      VectorXd::LinSpaced(50, 0, 3).array().unaryExpr([](double e) { return std::pow(10.0, e); });
  const auto bowl = [&](const VectorXd& x, VectorXd& gradient) {
    gradient = scale.cwiseProduct(x) - VectorXd::Ones(50);
    return 0.5 * x.dot(scale.cwiseProduct(x)) - x.sum();
  };
  const auto result = minimize(bowl, VectorXd::Zero(50), {1e-8, 1000, 10});
  CHECK(result.converged);
  CHECK((result.x - scale.cwiseInverse()).norm() < 1e-7);
}

TEST_CASE("L-BFGS says when it has not converged") {
  const auto bowl = [](const VectorXd& x, VectorXd& gradient) {
    gradient = VectorXd{{2 * x[0], 2000 * x[1]}};
    return x[0] * x[0] + 1000 * x[1] * x[1];
  };
  const auto result = minimize(bowl, VectorXd{{1.0, 1.0}}, {1e-9, 2, 10});
  CHECK_FALSE(result.converged);
  CHECK(result.iterations == 2);
  CHECK(result.gradient_norm > 1e-9);
}
