#include <triptych/nn/parameters.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <triptych/nn/architecture.hpp>
#include <triptych/nn/mlp.hpp>
#include <triptych/nn/resnet.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

namespace {

struct moments {
  double mean = 0, deviation = 0, largest = 0;
};

moments of(const std::vector<double>& arena, const nn::parameter& p) {
  moments m;
  double squares = 0;
  for (std::size_t i = p.offset; i < p.offset + p.size(); ++i) {
    m.mean += arena[i];
    squares += arena[i] * arena[i];
    m.largest = std::max(m.largest, std::abs(arena[i]));
  }
  const auto n = static_cast<double>(p.size());
  m.mean /= n;
  m.deviation = std::sqrt(squares / n - m.mean * m.mean);
  return m;
}

}  // namespace

TEST_CASE("convolutions start as He's normal numbers by fan-out, norms at one and zero") {
  nn::declaration d;
  nn::resnet({.width = 16}).declare(d);
  const auto values = nn::initial_values<double>(d.weights, 5);
  for (const auto& p : d.weights) {
    INFO(p.name);
    const moments m = of(values, p);
    const auto n = static_cast<double>(p.size());
    if (p.is_convolution()) {
      const double expected =
          std::sqrt(2.0 / static_cast<double>(p.shape[0] * p.shape[2] * p.shape[3]));
      CHECK(std::abs(m.mean) < 5 * expected / std::sqrt(n));  // five standard errors
      CHECK(std::abs(m.deviation / expected - 1) < 5 / std::sqrt(2 * n));
    } else {
      CHECK(m.deviation == 0);
      CHECK(m.mean == (p.name.ends_with(".weight") ? 1 : 0));
    }
  }
}

TEST_CASE("linear layers start uniform within one over the root of their inputs") {
  nn::declaration d;
  nn::linear layer{100, 200};
  layer.declare(d, "fc");
  const auto values = nn::initial_values<double>(d.weights, 5);
  for (const auto& p : d.weights) {
    INFO(p.name);
    const moments m = of(values, p);
    CHECK(m.largest <= 0.1 * (1 + 1e-6));
    CHECK(m.largest > 0.098);
    CHECK(std::abs(m.mean) < 5 * 0.1 / std::sqrt(3.0 * static_cast<double>(p.size())));
    CHECK(m.deviation == Approx(0.1 / std::sqrt(3)).epsilon(0.12));
  }
}

TEST_CASE("initial values depend on the seed and on nothing else") {
  nn::declaration d;
  nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}).declare(d);
  const auto a = nn::initial_values<double>(d.weights, 1);
  CHECK((a == nn::initial_values<double>(d.weights, 1)));
  CHECK((a != nn::initial_values<double>(d.weights, 2)));
  const auto single = nn::initial_values<float>(d.weights, 1);
  CHECK(std::equal(a.begin(), a.end(), single.begin(), single.end()));
}

TEST_CASE("every tensor of an arena starts on a cache line, and none overlap") {
  nn::parameter_list list;
  CHECK(list.add({"a", {3}}) == 0);
  CHECK(list.add({"b", {4, 5}}) == 16);
  CHECK(list.add({"c", {16}}) == 48);
  CHECK(list.add({"d", {1}}) == 64);
  CHECK(list.size() == 65);
  CHECK(list.count() == 3 + 20 + 16 + 1);
  CHECK(list.tensors() == 4);
}

TEST_CASE("PyTorch's order of a convolution is out, in, rows, columns; ours ends in out") {
  const nn::parameter p{"conv", {2, 3, 2, 1}};
  std::vector<std::size_t> here(p.size(), 99);
  nn::in_torch_order(p, [&](std::size_t torch, std::size_t at) { here.at(torch) = at; });
  for (std::size_t o = 0; o < 2; ++o) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t t = 0; t < 2; ++t) CHECK(here[(o * 3 + c) * 2 + t] == (t * 3 + c) * 2 + o);
    }
  }
  std::size_t visited = 0;
  nn::in_torch_order({"fc", {4, 5}}, [&](std::size_t torch, std::size_t at) {
    CHECK(torch == at);
    ++visited;
  });
  CHECK(visited == 20);
}

TEST_CASE("an architecture's arena ends with the predictor, so that one without it is a prefix") {
  nn::architecture<> with(nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}), {{6, 4}, 3});
  nn::architecture<> without = with.without_predictor();
  nn::declaration a, b;
  const std::size_t begin = with.declare(a), end = without.declare(b);
  CHECK(b.weights.size() == end);
  CHECK(begin == end);
  auto longer = a.weights.begin();
  for (const auto& p : b.weights) {
    CHECK(p.name == longer->name);
    CHECK(p.offset == longer->offset);
    ++longer;
  }
  CHECK(longer->name == "predictor.0.weight");
  CHECK(longer->offset >= begin);
  CHECK(without.predictor.empty());
}

TEST_CASE("heads may have any layers that take what is before them") {
  const nn::resnet encoder({.width = 2, .blocks = {1, 1, 1, 1}});
  const nn::mlp projector(16, nn::projector_layers({6, 4}));
  // Linear and nothing else, as SwAV's prototypes.
  nn::architecture<> wide(encoder, projector, nn::mlp(4, {{10, false, false}}));
  nn::declaration d;
  const std::size_t predictor = wide.declare(d);
  CHECK(d.weights.size() - predictor >= 10 * 4 + 10);
  CHECK(wide.predictor.out() == 10);
  CHECK(nn::architecture<>(encoder, projector, {}).predictor.empty());
  CHECK(nn::architecture<>(encoder, {}, nn::mlp(16, {{10}})).projector.out() == 16);
  CHECK(thrown_by([&] {
          nn::architecture<>(encoder, projector, nn::mlp(6, {{10}}));
        }).says("the predictor takes 6 features and the projector gives 4; make them the same"));
  CHECK(thrown_by([&] {
          nn::architecture<>(encoder, nn::mlp(8, {{10}}), {});
        }).says("the projector takes 8 features and the encoder gives 16"));
}
