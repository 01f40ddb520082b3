#include <triptych/nn/mlp.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "nn/workbench.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

workbench bench_of(nn::mlp& m) {
  return workbench([&](nn::declaration& d) { m.declare(d); });
}

void check(nn::mlp m, const shape& s, const std::vector<std::string>& vanishing) {
  workbench w = bench_of(m);
  check_layer(
      w, s, [&](const auto& p, tensor<const double> x) { return m.forward(p, x); },
      [&](const auto& p, tensor<double> dy) { return m.backward(p, dy).data; },
      {.vanishing = vanishing});
}

}  // namespace

TEST_CASE("a projector has the gradients of its differences; biases before a norm have none") {
  const int groups = GENERATE(1, 2);
  check(nn::mlp(5, nn::projector_layers({6, 4, 3})), features(8, 5, groups),
        {"0.bias", "3.bias", "6.bias"});
}

TEST_CASE("a predictor has the gradients of its differences; its last bias has one") {
  const int groups = GENERATE(1, 3);
  check(nn::mlp(5, nn::predictor_layers(3, 5)), features(12, 5, groups), {"0.bias"});
}

TEST_CASE("a projector has BatchNorm where it is asked for, and its gradients") {
  using nn::head_norm;
  const auto projector = [](head_norm norm) {
    return nn::mlp(5, nn::projector_layers({6, 4}, norm));
  };
  const auto tensors = [&](head_norm norm) {
    nn::mlp m = projector(norm);
    std::string names;
    const workbench w = bench_of(m);
    for (const auto& p : w.d.weights) names += p.name + " ";
    return names;
  };
  CHECK(tensors(head_norm::all) ==
        "0.weight 0.bias 1.weight 1.bias 3.weight 3.bias 4.weight 4.bias ");
  CHECK(tensors(head_norm::plain) == "0.weight 0.bias 1.weight 1.bias 3.weight 3.bias ");
  CHECK(tensors(head_norm::hidden) == "0.weight 0.bias 1.weight 1.bias 3.weight 3.bias ");
  CHECK(tensors(head_norm::none) == "0.weight 0.bias 2.weight 2.bias ");
  check(projector(head_norm::plain), features(8, 5, 2), {"0.bias", "3.bias"});
  check(projector(head_norm::hidden), features(8, 5, 2), {"0.bias"});
  check(projector(head_norm::none), features(8, 5, 2), {});
}

TEST_CASE("layers with relu and no norm have the gradients of their differences") {
  check(nn::mlp(4, {{6, false, true}, {3, false, false}}), features(5, 4), {});
}

TEST_CASE("prototypes have the gradients of their differences, and no bias") {
  const int groups = GENERATE(1, 2);
  const auto prototypes = nn::mlp::prototypes(5, 7);
  check(prototypes, features(8, 5, groups), {});
  nn::mlp m = prototypes;
  const workbench w = bench_of(m);
  REQUIRE(w.d.weights.tensors() == 1);
  CHECK((*w.d.weights.begin()).name == "0.weight");
}

TEST_CASE("scores of prototypes do not depend on the length of a row") {
  nn::mlp m = nn::mlp::prototypes(2, 3);
  workbench w = bench_of(m);
  const numbers c = {1, 0, 0.6, 0.8, 0, -1};
  std::copy(c.begin(), c.end(), w.weights.begin());
  const numbers x = {3, 4, 0.3, 0.4};
  const auto y = m.forward(w.plain(), tensor<const double>{features(2, 2), x.data()});
  const numbers scores(y.data, y.data + y.size());
  for (const std::size_t row : {0u, 3u}) {
    CHECK(scores[row] == Approx(0.6).epsilon(1e-14));
    CHECK(scores[row + 1] == Approx(1).epsilon(1e-14));
    CHECK(scores[row + 2] == Approx(-0.8).epsilon(1e-14));
  }
}

TEST_CASE("an empty mlp is the identity in both directions") {
  nn::mlp m;
  workbench w = bench_of(m);
  numbers x(6, 1);
  CHECK(m.empty());
  CHECK(w.weights.empty());
  CHECK(m.forward(w.recording(), tensor<const double>{features(2, 3), x.data()}).data == x.data());
  CHECK(m.backward(w.recording(), tensor<double>{features(2, 3), x.data()}).data == x.data());
}

TEST_CASE("mlp layers are named as those of nn.Sequential") {
  nn::mlp projector(5, nn::projector_layers({6, 4, 3})), predictor(3, nn::predictor_layers(2, 3));
  std::string names;
  const workbench a = bench_of(projector), b = bench_of(predictor);
  for (const auto& p : a.d.weights) names += p.name + " ";
  CHECK(names == "0.weight 0.bias 1.weight 1.bias 3.weight 3.bias 4.weight 4.bias "
                 "6.weight 6.bias 7.weight 7.bias ");
  names.clear();
  for (const auto& p : b.d.weights) names += p.name + " ";
  for (const auto& p : b.d.statistics) names += p.name + " ";
  CHECK(names == "0.weight 0.bias 1.weight 1.bias 3.weight 3.bias 1.running_mean 1.running_var ");
  CHECK(projector.out() == 3);
}

TEST_CASE("recording changes no bit of an mlp's output") {
  nn::mlp m(5, nn::projector_layers({6, 4}));
  workbench w = bench_of(m);
  const numbers x = random_for(features(6, 5), 3);
  const auto run = [&](const auto& p) {
    const auto y = m.forward(p, tensor<const double>{features(6, 5, 2), x.data()});
    return numbers(y.data, y.data + y.size());
  };
  CHECK(same_bits(run(w.plain()), run(w.recording())));
}
