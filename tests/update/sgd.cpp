#include <triptych/update/optimizer/sgd.hpp>

#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/update/optimizer/any.hpp>

#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::update::optimizer;

namespace {

using numbers = std::vector<double>;

using reference = backend::reference<>;

/// Weights and their momenta, and a gradient of (2, -4, 2).
struct bench {
  backend::reference<> backend;
  nn::parameter_list list;
  numbers weights = {1, 2, 3}, state = {0, 0, 0};

  bench() { list.add({"w", {3}}); }

  template <class Optimizer>
  void step(const Optimizer& optimizer, const parameter_group& group, double scale = 1) {
    const numbers gradient = {2, -4, 2};
    double* const buffers[] = {state.data()};
    optimizer.step(backend, list, group, &scale, gradient.data(), state_of<reference>(buffers),
                   weights.data());
  }
};

}  // namespace

TEST_CASE("two steps of SGD are those computed by hand") {
  // decay 0.5, momentum 0.5, rate 0.25.
  bench b;
  b.step(sgd{0.5, 0.5}, {0, 3, 0.25});
  // g = (2.5, -3, 3.5); the buffers are g; w -= g / 4.
  CHECK(b.state == numbers{2.5, -3, 3.5});
  CHECK(b.weights == numbers{0.375, 2.75, 2.125});
  b.step(sgd{0.5, 0.5}, {0, 3, 0.25});
  // g = (2.1875, -2.625, 3.0625); the buffers are half the old ones more.
  CHECK(b.state == numbers{3.4375, -4.125, 4.8125});
  CHECK(b.weights == numbers{0.375 - 0.859375, 2.75 + 1.03125, 2.125 - 1.203125});
}

TEST_CASE("SGD scales the gradient and not the decay") {
  bench b;
  b.step(sgd{0, 0.5}, {0, 3, 1}, 0.25);
  CHECK(b.state == numbers{1, 0, 2});  // 0.25 g + 0.5 w
  CHECK(b.weights == numbers{0, 2, 1});
}

TEST_CASE("SGD moves the weights of its group alone, at the group's rate") {
  bench b;
  b.step(sgd{0, 0}, {1, 2, 0.5});
  CHECK(b.weights == numbers{1, 4, 3});
  CHECK(b.state == numbers{0, -4, 0});
}

TEST_CASE("any takes the step of the optimizer that it holds") {
  bench chosen, plain;
  const parameter_group group{0, 3, 0.25};
  chosen.step(any{sgd{0.5, 0.5}}, group);
  plain.step(sgd{0.5, 0.5}, group);
  CHECK(chosen.weights == plain.weights);
  CHECK(chosen.state == plain.state);

  bench chosen_lars, plain_lars;
  chosen_lars.step(any{lars{.trust_coefficient = 0.1}}, group);
  plain_lars.step(lars{.trust_coefficient = 0.1}, group);
  CHECK(chosen_lars.weights == plain_lars.weights);
  CHECK(chosen_lars.weights != plain.weights);
}
