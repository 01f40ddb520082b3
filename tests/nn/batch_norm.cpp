#include <triptych/nn/batch_norm.hpp>

#include <algorithm>
#include <cmath>

#include "nn/workbench.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

struct case_of {
  int groups;
  bool residual, relu;
};

}  // namespace

TEST_CASE("batch norm has the gradients of its differences, for groups, residual and relu") {
  const auto c = GENERATE(case_of{1, false, false}, case_of{1, false, true},
                          case_of{3, false, true}, case_of{1, true, false}, case_of{3, true, true});
  nn::batch_norm layer{.channels = 3};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  const shape s{6, 2, 3, 3, c.groups};
  const numbers residual = random_for(s, 9);
  check_layer(
      w, s,
      [&](const auto& p, tensor<const double> x) {
        const auto own = p.take(x.shape), y = p.take(x.shape);
        std::copy_n(x.data, x.size(), own.data);
        layer.forward(p, own, c.residual ? residual.data() : nullptr, c.relu, y);
        return tensor<const double>(y);
      },
      [&](const auto& p, tensor<double> dy) { return layer.backward(p, dy).dx.data; });
}

TEST_CASE("the residual's gradient is what batch norm leaves in dy") {
  nn::batch_norm layer{.channels = 2};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  const shape s{4, 2, 1, 2, 2};
  const numbers dy = random_for(s, 3);
  numbers x = random_for(s, 1), residual = random_for(s, 2), left = dy, y(x.size());
  numbers given_up = x;
  layer.forward(w.recording(), {s, given_up.data()}, residual.data(), true, {s, y.data()});
  const auto [dx, free] = layer.backward(w.recording(), tensor<double>{s, left.data()});
  CHECK(dx.data == given_up.data());
  CHECK(free.data == y.data());
  w.backend.watching = true;
  const auto f = [&] {
    layer.forward(w.plain(), {s, x.data()}, residual.data(), true, {s, y.data()});
    return std::inner_product(dy.begin(), dy.end(), y.begin(), 0.0);
  };
  check_gradient(f, residual, left, {.choices = &w.backend.choices});
}

TEST_CASE("groups in one pass are passes of their own, bit for bit and in their order") {
  nn::batch_norm layer{.channels = 3};
  const auto declare = [&](nn::declaration& d) { layer.declare(d, "bn"); };
  workbench together(declare), apart(declare);
  const shape s{9, 2, 2, 3, 3};
  numbers x = random_for(s, 5);
  numbers y(x.size()), z(x.size());
  layer.forward(together.plain(), {s, x.data()}, nullptr, true, {s, y.data()});
  const tensor<double> in{s, x.data()};
  const tensor<double> out{s, z.data()};
  for (const std::int64_t first : {0, 3, 6}) {
    layer.forward(apart.plain(), in.images(first, 3), nullptr, true, out.images(first, 3));
  }
  CHECK(same_bits(y, z));
  CHECK(same_bits(together.statistics, apart.statistics));
}

TEST_CASE("running statistics follow with weight 0.1, the variance unbiased") {
  nn::batch_norm layer{.channels = 1};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  numbers x = {1, 2, 3, 6};  // mean 3, squares 14
  numbers y(4);
  layer.forward(w.plain(), {features(4, 1), x.data()}, nullptr, false, {features(4, 1), y.data()});
  CHECK(w.statistics[layer.running_mean] == Approx(0.1 * 3).epsilon(1e-14));
  CHECK(w.statistics[layer.running_variance] == Approx(0.9 + 0.1 * 14 / 3).epsilon(1e-14));
}

TEST_CASE("evaluation uses the running statistics and leaves them") {
  nn::batch_norm layer{.channels = 1};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  w.weights[layer.weight] = 3;
  w.weights[layer.bias] = 0.5;
  w.statistics[layer.running_mean] = 2;
  w.statistics[layer.running_variance] = 4;
  const numbers before = w.statistics;
  numbers x = {4, 0}, y(2);
  layer.forward(w.plain(nn::mode::evaluate), {features(2, 1), x.data()}, nullptr, false,
                {features(2, 1), y.data()});
  const double scaled = 3 * 2 / std::sqrt(4 + 1e-5);
  CHECK(y[0] == Approx(0.5 + scaled).epsilon(1e-14));
  CHECK(y[1] == Approx(0.5 - scaled).epsilon(1e-14));
  CHECK(same_bits(w.statistics, before));
}

TEST_CASE("a pass without running statistics keeps none") {
  nn::batch_norm layer{.channels = 2};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  const shape s = features(4, 2);
  numbers x = random_for(s, 1), y(8), z(8);
  auto p = w.plain();
  p.statistics = nullptr;
  layer.forward(p, {s, x.data()}, nullptr, false, {s, y.data()});
  layer.forward(w.plain(), {s, x.data()}, nullptr, false, {s, z.data()});
  CHECK(same_bits(y, z));
}

TEST_CASE("without coefficients batch norm is that with weight 1 and bias 0") {
  nn::batch_norm plain{.channels = 3, .affine = false}, ones{.channels = 3};
  workbench a([&](nn::declaration& d) { plain.declare(d, "bn"); });
  workbench b([&](nn::declaration& d) { ones.declare(d, "bn"); });
  CHECK(a.weights.empty());
  for (const auto& p : b.d.weights) {
    std::ranges::fill(workbench::part(b.weights, p), p.name == "bn.weight" ? 1.0 : 0.0);
  }
  const shape s{6, 2, 2, 3, 2};
  const numbers x = random_for(s, 1), dy = random_for(s, 2);
  const auto both_ways = [&](const nn::batch_norm& layer, workbench& w, nn::mode mode) {
    numbers y(x.size()), left = dy, dx = x;
    if (mode == nn::mode::evaluate) {
      layer.forward(w.plain(mode), {s, dx.data()}, nullptr, true, {s, y.data()});
      return y;
    }
    layer.forward(w.recording(), {s, dx.data()}, nullptr, true, {s, y.data()});
    (void)layer.backward(w.recording(), tensor<double>{s, left.data()});
    y.insert(y.end(), dx.begin(), dx.end());
    return y;
  };
  CHECK(both_ways(plain, a, nn::mode::train) == both_ways(ones, b, nn::mode::train));
  CHECK(a.statistics == b.statistics);
  CHECK(both_ways(plain, a, nn::mode::evaluate) == both_ways(ones, b, nn::mode::evaluate));
}

TEST_CASE("a view in parts is normalized part by part and moves the statistics as far as whole") {
  nn::batch_norm layer{.channels = 2};
  const auto declare = [&](nn::declaration& d) { layer.declare(d, "bn"); };
  workbench parts(declare), groups(declare), whole(declare);
  const shape s{8, 1, 2, 2, 1};
  numbers x = random_for(s, 3), y(x.size()), expected(x.size());
  auto pass = parts.plain();
  pass.view_parts = 4;
  layer.forward(pass, {s, x.data()}, nullptr, false, {s, y.data()});
  shape as_groups = s;
  as_groups.groups = 4;
  layer.forward(groups.plain(), {as_groups, x.data()}, nullptr, false,
                {as_groups, expected.data()});
  CHECK(y == expected);
  // Four parts that are alike leave what one of them leaves as a whole view.
  numbers alike;
  for (int i = 0; i < 4; ++i) alike.insert(alike.end(), x.begin(), x.begin() + 8);
  parts.statistics = whole.statistics;
  layer.forward(pass, {s, alike.data()}, nullptr, false, {s, y.data()});
  const shape quarter{2, 1, 2, 2, 1};
  layer.forward(whole.plain(), {quarter, x.data()}, nullptr, false, {quarter, y.data()});
  for (std::size_t i = 0; i < whole.statistics.size(); ++i) {
    CHECK(parts.statistics[i] == Approx(whole.statistics[i]).epsilon(1e-12));
  }
}
