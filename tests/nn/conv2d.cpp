#include <triptych/nn/conv2d.hpp>

#include "nn/workbench.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

TEST_CASE("conv2d has the gradients of its differences") {
  nn::conv2d layer = GENERATE(nn::conv2d{2, 3, 3, 1, 1}, nn::conv2d{3, 2, 3, 2, 1},
                              nn::conv2d{3, 4, 1, 2, 0}, nn::conv2d{1, 2, 7, 2, 3});
  const shape s = GENERATE(shape{2, 5, 4, 0}, shape{1, 1, 1, 0}, shape{3, 7, 9, 0});
  shape x = s;
  x.channels = layer.in;
  workbench w([&](nn::declaration& d) { layer.declare(d, "conv"); });
  check_layer(
      w, x,
      [&](const auto& p, tensor<const double> in) {
        const auto y = p.take(layer.output(in.shape));
        layer.forward(p, in, y);
        return tensor<const double>(y);
      },
      [&](const auto& p, tensor<double> dy) {
        const auto dx = p.take(x);
        layer.backward(p, dy, dx.data);
        return dx.data;
      });
}

TEST_CASE("conv2d adds to its gradients, and to dx when asked") {
  nn::conv2d layer{1, 1, 1, 1, 0};
  workbench w([&](nn::declaration& d) { layer.declare(d, "conv"); });
  w.weights[layer.weight] = 3;
  w.gradients[layer.weight] = 100;
  const double x = 2, dy = 5;
  double y = 0, dx = 1000;
  const shape one{1, 1, 1, 1};
  layer.forward(w.recording(), {one, &x}, {one, &y});
  CHECK(y == 6);
  layer.backward(w.recording(), {one, &dy}, &dx, true);
  CHECK(dx == 1015);
  CHECK(w.gradients[layer.weight] == 110);
}

TEST_CASE("conv2d keeps the groups of its input and rounds odd sizes up at stride 2") {
  const nn::conv2d layer{3, 8, 3, 2, 1};
  CHECK(layer.output({6, 7, 10, 3, 3}) == shape{6, 4, 5, 8, 3});
}

TEST_CASE("conv2d refuses other channels, naming both numbers") {
  const nn::conv2d layer{3, 8, 3, 1, 1};
  const auto thrown = thrown_by([&] { static_cast<void>(layer.output({1, 4, 4, 5})); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("(1,4,4,5)"));
  CHECK(thrown.says("takes 3"));
}
