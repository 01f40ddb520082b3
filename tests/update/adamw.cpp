#include <triptych/update/optimizer/adamw.hpp>

#include <cmath>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/core/philox.hpp>

#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::update::optimizer;

namespace {

/// Weights with both means, on a backend.
template <class B>
struct moved {
  using real = typename B::real;
  B backend;
  nn::parameter_list list;
  std::vector<real> weights, mean, square;

  explicit moved(std::vector<real> start)
      : weights(std::move(start)), mean(weights.size()), square(weights.size()) {}

  void step(const adamw& optimizer, const parameter_group& group, const std::vector<real>& gradient,
            real scale = 1) {
    real* const means[] = {mean.data(), square.data()};
    optimizer.step(backend, list, group, &scale, gradient.data(), state_of<B>(means),
                   weights.data());
  }
};

using oracle = moved<backend::reference<>>;

}  // namespace

TEST_CASE("two steps of AdamW are those computed by hand") {
  // Halves everywhere: m = g / 2, v = g^2 / 2, each divided by 1 - 1/2. So the first step moves by
  // the rate in the gradient's direction, after a decay of rate * decay = 1/8.
  const adamw optimizer{.beta1 = 0.5, .beta2 = 0.5, .epsilon = 1e-300, .weight_decay = 0.25};
  oracle m({1, -2});
  m.step(optimizer, {0, 2, 0.5, 0}, {4, -8});
  CHECK(m.mean == std::vector<double>{2, -4});
  CHECK(m.square == std::vector<double>{8, 32});
  CHECK(m.weights[0] == Approx(1 - 0.125 - 0.5).epsilon(1e-13));
  CHECK(m.weights[1] == Approx(-2 + 0.25 + 0.5).epsilon(1e-13));

  // m = 1 + 0 and -2 + 4, v = 4 and 16 + 32, each divided by 1 - 1/4.
  const double before[] = {m.weights[0], m.weights[1]};
  m.step(optimizer, {0, 2, 0.5, 1}, {0, 8});
  CHECK(m.mean == std::vector<double>{1, 2});
  CHECK(m.square == std::vector<double>{4, 48});
  const auto after = [&](int i, double mean, double square) {
    return before[i] * 0.875 - 0.5 * (mean / 0.75) / std::sqrt(square / 0.75);
  };
  CHECK(m.weights[0] == Approx(after(0, 1, 4)).epsilon(1e-13));
  CHECK(m.weights[1] == Approx(after(1, 2, 48)).epsilon(1e-13));
}

TEST_CASE("AdamW moves its group alone, and scales the gradient but not the decay") {
  oracle whole({1, 2, 3}), part({1, 2, 3});
  whole.step({}, {0, 3, 0.1, 4}, {1, -2, 3}, 0.25);
  part.step({}, {1, 2, 0.1, 4}, {4, -0.5, 12});
  CHECK(part.weights[0] == 1);
  CHECK(part.weights[1] == whole.weights[1]);
  CHECK(part.weights[2] == 3);
  CHECK(part.square[2] == 0);

  oracle still({1, 2, 3});
  still.step({.weight_decay = 0.5}, {0, 3, 0.1, 0}, {0, 0, 0});
  CHECK(still.weights == std::vector<double>{0.95, 1.9, 3 * 0.95});
}

TEST_CASE("AdamW on the fast backend is AdamW in double but for rounding") {
  const std::size_t n = 40'000;  // more than one task
  random_stream random(7, stream::combine);
  std::vector<float> start(n), gradient(n);
  for (std::size_t i = 0; i < n; ++i) {
    start[i] = random.normal();
    gradient[i] = random.normal();
  }
  moved<backend::eigen<>> fast(start);
  oracle exact({start.begin(), start.end()});
  const std::vector<double> wide(gradient.begin(), gradient.end());
  for (int t = 0; t < 3; ++t) {
    fast.step({}, {0, n, 0.01, t}, gradient);
    exact.step({}, {0, n, 0.01, t}, wide);
  }
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    worst = std::max(worst, std::abs(double(fast.weights[i]) - exact.weights[i]));
  }
  CHECK(worst < 2e-6);  // 3 steps of 0.01, each number within a few 1e-7 of itself
}
