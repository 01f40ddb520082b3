// A layer on the oracle in double: its arenas, its passes, and its gradients against differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/finite_differences.hpp"
#include "support/watched.hpp"

namespace triptych::test {

using oracle = watched<backend::reference<double>>;
using numbers = std::vector<double>;

inline numbers random_for(const shape& s, std::uint64_t seed) {
  return random_numbers(static_cast<std::int64_t>(s.size()), seed);
}

struct workbench {
  oracle backend;
  nn::declaration d;
  numbers weights, statistics, gradients;
  nn::tape tape;

  /// `declare(d)` declares the layers. Vectors start away from zero, so that everything matters.
  template <class Declare>
  explicit workbench(const Declare& declare, std::uint64_t seed = 1) {
    declare(d);
    weights = nn::initial_values<double>(d.weights, seeded(seed));
    statistics = nn::initial_values<double>(d.statistics, seeded(seed));
    const auto off = random_numbers(static_cast<std::int64_t>(weights.size()), seed, -0.3f, 0.3f);
    for (const auto& p : d.weights) {
      for (std::size_t i = p.offset; p.is_vector() && i < p.offset + p.size(); ++i) {
        weights[i] += off[i];
      }
    }
    gradients.assign(weights.size(), 0);
  }

  /// Training; nothing is kept for backward.
  [[nodiscard]] nn::pass<oracle> plain(nn::mode mode = nn::mode::train) {
    return {backend, weights.data(), statistics.data(), mode, nullptr, nullptr};
  }
  [[nodiscard]] nn::pass<oracle> recording() {
    return {backend, weights.data(), statistics.data(), nn::mode::train, &tape, gradients.data()};
  }

  /// The numbers of one tensor of `arena`.
  static std::span<double> part(numbers& arena, const nn::parameter& p) {
    return std::span(arena).subspan(p.offset, p.size());
  }
};

/// Short runs of a long tensor, at both ends and in the middle; all of a short one.
inline std::vector<std::pair<std::size_t, std::size_t>> samples(std::size_t size) {
  constexpr std::size_t run = 6;
  if (size <= 4 * run) return {{0, size}};
  return {{0, run}, {size / 2 - run / 2, run}, {size - run, run}};
}

struct layer_check {
  std::vector<std::string> vanishing = {};  ///< tensors that a BatchNorm behind them silences
  bool every_weight = true;                 ///< false: samples of each tensor
  double step = 1e-5;
};

/// Checks a layer's gradients, of weights and input x, by random weights dy of its output:
/// forward(pass, x) -> y, backward(pass, dy) -> pointer to dx, or null where the layer gives none.
template <class Forward, class Backward>
void check_layer(workbench& w, const shape& s, const Forward& forward, const Backward& backward,
                 const layer_check& check = {}, std::uint64_t seed = 2) {
  numbers x, dx, dy;
  const auto view = [&] { return tensor<const double>{s, x.data()}; };
  w.backend.watching = true;
  // Images on which no kink lies near: three times all weights at once, and the pixels, go a step
  // of their own up or down.
  const auto chosen = [&] {
    const arena_frame scope(w.backend.arena());
    w.backend.choices.clear();
    static_cast<void>(forward(w.plain(), view()));
    return w.backend.choices;
  };
  const auto steady = [&] {
    const auto here = chosen();
    const numbers x_here = x, weights_here = w.weights;
    bool same = true;
    for (std::uint64_t way = 0; same && way < 3; ++way) {
      const auto disturb = [&](numbers& all, std::uint64_t which) {
        const auto by = random_numbers(static_cast<std::int64_t>(all.size()), 100 * which + way);
        for (std::size_t i = 0; i < all.size(); ++i) all[i] += by[i] < 0 ? -check.step : check.step;
      };
      disturb(x, 1);
      disturb(w.weights, 2);
      same = chosen() == here;
      x = x_here;
      w.weights = weights_here;
    }
    return same;
  };
  for (int draw = 0;; ++draw) {
    REQUIRE(draw < 100);
    x = random_for(s, seed + 10 * static_cast<std::uint64_t>(draw));
    if (steady()) break;
  }
  {
    const arena_frame scope(w.backend.arena());
    const tensor<const double> y = forward(w.recording(), view());
    dy = random_for(y.shape, seed + 1);
    numbers copy = dy;  // backward overwrites it
    const double* found = backward(w.recording(), tensor<double>{y.shape, copy.data()});
    if (found != nullptr) dx.assign(found, found + x.size());
    CHECK(w.tape.empty());
  }
  const auto f = [&] {
    const arena_frame scope(w.backend.arena());
    const tensor<const double> y = forward(w.plain(), view());
    return std::inner_product(dy.begin(), dy.end(), y.data, 0.0);
  };
  if (!dx.empty()) {
    INFO("input");
    check_gradient(f, x, dx, {1e-6, check.step, &w.backend.choices});
  }
  int all_runs = 0, telling_runs = 0;
  double largest = 0;
  for (const double g : w.gradients) largest = std::max(largest, std::abs(g));
  for (const auto& p : w.d.weights) {
    INFO(p.name);
    const auto values = workbench::part(w.weights, p), gradient = workbench::part(w.gradients, p);
    if (std::find(check.vanishing.begin(), check.vanishing.end(), p.name) !=
        check.vanishing.end()) {
      for (const double g : gradient) CHECK(std::abs(g) <= 1e-12 * largest);
      continue;
    }
    const auto runs = check.every_weight ? std::vector{std::pair{std::size_t{0}, values.size()}}
                                         : samples(values.size());
    for (const auto& [first, count] : runs) {
      INFO("elements from " << first);
      const auto part = gradient.subspan(first, count);
      check_gradient(f, values.subspan(first, count), part,
                     {1e-6, check.step, &w.backend.choices, !check.every_weight});
      ++all_runs;
      if (std::any_of(part.begin(), part.end(), [](double g) { return g != 0; })) ++telling_runs;
    }
  }
  CHECK(2 * telling_runs >= all_runs);
}

/// The bits of all numbers alike?
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace triptych::test
