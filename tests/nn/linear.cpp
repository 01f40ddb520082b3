#include <triptych/nn/linear.hpp>

#include "nn/workbench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

TEST_CASE("linear has the gradients of its differences, with and without relu") {
  const bool relu = GENERATE(false, true);
  nn::linear layer{5, 4};
  workbench w([&](nn::declaration& d) { layer.declare(d, "fc"); });
  check_layer(
      w, features(6, 5),
      [&](const auto& p, tensor<const double> x) {
        const auto y = p.take(layer.output(x.shape));
        layer.forward(p, x, relu, y);
        return tensor<const double>(y);
      },
      [&](const auto& p, tensor<double> dy) {
        const auto dx = p.take(features(6, 5));
        layer.backward(p, dy, dx.data);
        return dx.data;
      });
}

TEST_CASE("linear is x W^T + b") {
  nn::linear layer{2, 3};
  workbench w([&](nn::declaration& d) { layer.declare(d, "fc"); });
  const numbers weight = {1, 2, 3, 4, 5, 6}, bias = {10, 20, -1000};
  std::copy(weight.begin(), weight.end(), w.weights.begin() + static_cast<long>(layer.weight));
  std::copy(bias.begin(), bias.end(), w.weights.begin() + static_cast<long>(layer.bias));
  const numbers x = {1, -1};
  numbers y(3);
  layer.forward(w.plain(), {features(1, 2), x.data()}, false, {features(1, 3), y.data()});
  CHECK(y == numbers{9, 19, -1001});
  layer.forward(w.plain(), {features(1, 2), x.data()}, true, {features(1, 3), y.data()});
  CHECK(y == numbers{9, 19, 0});
}

TEST_CASE("linear refuses maps and other widths") {
  const nn::linear layer{5, 4};
  CHECK(thrown_by([&] { static_cast<void>(layer.output(features(2, 6))); }).says("(2,1,1,6)"));
  CHECK(thrown_by([&] {
          static_cast<void>(layer.output({2, 2, 1, 5}));
        }).kind == error_kind::usage);
  CHECK(layer.output(features(6, 5, 3)) == features(6, 4, 3));
}
