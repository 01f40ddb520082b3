#include <triptych/update/optimizer/lars.hpp>

#include <array>
#include <cmath>
#include <iterator>
#include <span>
#include <vector>

#include <triptych/backend/reference.hpp>

#include "support/catch.hpp"

using namespace triptych::update::optimizer;

namespace {

struct weights_and_buffer {
  std::array<double, 2> weights, buffer;
};

/// Two steps from w = (3, 4), |w| = 5, with g = (0, 2), |g| = 2, then a second, equal gradient.
weights_and_buffer two_steps(const lars& optimizer, double lr) {
  weights_and_buffer t{{3, 4}, {0, 0}};
  const std::array<double, 2> gradient{0, 2};
  for (int i = 0; i < 2; ++i) {
    optimizer.step(std::span<double>(t.weights), std::span<double>(t.buffer),
                   std::span<const double>(gradient), lr);
  }
  return t;
}

}  // namespace

// eta = 0.4, epsilon = 0, mu = 0.5, lr = 1 throughout.

TEST_CASE("LARS after momentum scales the step and not the buffer") {
  // r = 0.4 * 5 / 2 = 1; b = (0, 2); w = (3, 2).
  // r = 0.2 sqrt(13); b = (0, 3); w = (3, 2 - 0.6 sqrt(13)).
  const weights_and_buffer t = two_steps({0.5, 0, 0.4, 0, lars_rule::after_momentum}, 1);
  CHECK(t.buffer[1] == Approx(3).epsilon(1e-14));
  CHECK(t.weights[0] == 3);
  CHECK(t.weights[1] == Approx(-0.16333076527839355).epsilon(1e-14));
}

TEST_CASE("LARS that scales the gradient puts the scaled one into the buffer") {
  // b = 1 * (0, 2); w = (3, 2). Then r = 0.2 sqrt(13); b = (0, 1 + 0.4 sqrt(13)); w_1 = 2 - b_1.
  const weights_and_buffer t = two_steps({0.5, 0, 0.4, 0, lars_rule::scale_gradient}, 1);
  CHECK(t.buffer[1] == Approx(2.4422205101855956).epsilon(1e-14));
  CHECK(t.weights[1] == Approx(-0.4422205101855956).epsilon(1e-14));
}

TEST_CASE("LARS that skips tensors without decay is plain momentum on them") {
  // b = (0, 2), w = (3, 2); b = (0, 3), w = (3, -1).
  const weights_and_buffer t = two_steps({0.5, 0, 0.4, 0, lars_rule::skip_without_decay}, 1);
  CHECK(t.buffer[1] == 3);
  CHECK(t.weights[0] == 3);
  CHECK(t.weights[1] == -1);
}

TEST_CASE("with weight decay the ratio and the gradient take it in") {
  // decay = 0.2: r = 0.4 * 5 / (2 + 0.2 * 5) = 2/3; g + decay w = (0.6, 2.8).
  for (const auto rule :
       {lars_rule::after_momentum, lars_rule::scale_gradient, lars_rule::skip_without_decay}) {
    weights_and_buffer t{{3, 4}, {0, 0}};
    const std::array<double, 2> gradient{0, 2};
    lars{0.5, 0.2, 0.4, 0, rule}.step(std::span<double>(t.weights), std::span<double>(t.buffer),
                                      std::span<const double>(gradient), 1);
    const double r = rule == lars_rule::after_momentum ? 1 : 2.0 / 3;
    CHECK(t.buffer[0] == Approx(0.6 * r).epsilon(1e-14));
    CHECK(t.buffer[1] == Approx(2.8 * r).epsilon(1e-14));
    CHECK(t.weights[0] == Approx(3 - 0.4).epsilon(1e-14));
    CHECK(t.weights[1] == Approx(4 - 2.8 * 2 / 3).epsilon(1e-14));
  }
}

TEST_CASE("LARS takes a plain step where a norm is zero") {
  const auto trust = lars{.weight_decay = 0}.trust();
  CHECK(trust.ratio(0, 2) == 1);
  CHECK(trust.ratio(2, 0) == 1);
  CHECK(trust.ratio(2, 4) == Approx(0.0005));
}

TEST_CASE("one LARS step moves a tensor by lr eta of its norm") {
  std::vector<float> w{3, 4}, b(2);
  const std::vector<float> g{1e-3f, 2e-3f};
  lars{.weight_decay = 0}.step(std::span<float>(w), std::span<float>(b), std::span<const float>(g),
                               0.8);
  const double dx = 3.0 - static_cast<double>(w[0]), dy = 4.0 - static_cast<double>(w[1]);
  CHECK(std::sqrt(dx * dx + dy * dy) == Approx(0.8 * 0.001 * 5).epsilon(1e-3));
}

TEST_CASE("LARS refuses tensors whose sizes differ") {
  std::vector<float> w(3), b(2);
  const std::vector<float> g(3);
  CHECK_THROWS_AS(
      lars{}.step(std::span<float>(w), std::span<float>(b), std::span<const float>(g), 0.8),
      triptych::error);
}

namespace {

/// A matrix and a vector in one arena, as a network has them.
struct network {
  triptych::backend::reference<> backend;
  triptych::nn::parameter_list list;
  std::vector<double> weights, state, gradient;

  network() {
    list.add({"fc.weight", {2, 3}});
    list.add({"fc.bias", {3}});
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto x = static_cast<double>(i);
      weights.push_back(std::sin(x + 1));
      gradient.push_back(std::cos(3 * x));
    }
    state.assign(weights.size(), 0);
  }

  void step(const lars& optimizer, double rate, double scale = 1) {
    double* const buffers[] = {state.data()};
    optimizer.step(backend, list, {0, list.size(), rate}, &scale, gradient.data(),
                   triptych::update::optimizer::state_of<triptych::backend::reference<>>(buffers),
                   weights.data());
  }
};

}  // namespace

TEST_CASE("LARS on a backend is LARS on the host, tensor by tensor") {
  for (const auto which :
       {lars_rule::after_momentum, lars_rule::scale_gradient, lars_rule::skip_without_decay}) {
    const lars optimizer{.weight_decay = 0.01, .trust_coefficient = 0.1, .rule = which};
    network ours, host;
    for (int i = 0; i < 3; ++i) {
      ours.step(optimizer, 0.5);
      for (const auto& p : host.list) {
        const auto part = [&](std::vector<double>& v) {
          return std::span(v).subspan(p.offset, p.size());
        };
        optimizer.step(part(host.weights), part(host.state),
                       std::span<const double>(part(host.gradient)), 0.5);
      }
    }
    for (const auto& p : ours.list) {
      for (std::size_t i = p.offset; i < p.offset + p.size(); ++i) {
        CHECK(ours.weights[i] == Approx(host.weights[i]).epsilon(1e-14));
        CHECK(ours.state[i] == Approx(host.state[i]).epsilon(1e-14));
      }
    }
  }
}

TEST_CASE("LARS of a scaled gradient is that of a gradient so scaled") {
  const lars optimizer{.weight_decay = 0.01, .trust_coefficient = 0.1};
  network scaled, small;
  for (double& g : small.gradient) g *= 0.25;
  scaled.step(optimizer, 0.5, 0.25);
  small.step(optimizer, 0.5);
  CHECK(scaled.weights == small.weights);
}

TEST_CASE("LARS that leaves vectors out gives them plain SGD without decay") {
  const lars optimizer{.weight_decay = 0.01, .trust_coefficient = 0.1, .vectors = false};
  network partly, wholly;
  partly.step(optimizer, 0.5);
  wholly.step({.weight_decay = 0.01, .trust_coefficient = 0.1}, 0.5);
  const auto& bias = *std::next(partly.list.begin());
  for (std::size_t i = 0; i < bias.offset; ++i) CHECK(partly.weights[i] == wholly.weights[i]);
  const network before;
  for (std::size_t i = bias.offset; i < bias.offset + bias.size(); ++i) {
    CHECK(partly.weights[i] == before.weights[i] - 0.5 * before.gradient[i]);
    CHECK(partly.weights[i] != wholly.weights[i]);
  }
}
