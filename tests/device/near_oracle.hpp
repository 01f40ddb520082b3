// Steps of a method on a backend beside the oracle's in double.
//
// Every step starts from the oracle's state, so that nothing adds up from one to the next. A relu
// that is on here and off there, another largest pixel or another neighbor make two steps of which
// neither is wrong: with float maps such a step is taken again on other images, until all choices
// agree.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/method/learner.hpp>

#include "device/small_method.hpp"
#include "support/catch.hpp"
#include "support/watched.hpp"

namespace triptych::test {

/// How near the oracle's a step must stay: its losses, relatively or, where one is near zero,
/// within the margin; the gradient's norm, relatively; the change of all that a checkpoint holds,
/// as the length of the difference beside the change's own.
struct nearness {
  double loss, margin, gradient_norm, change;
};

/// The length of a - b.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(a[i] - b[i], 2);
  return std::sqrt(sum);
}

template <class Fast, class Options>
void check_steps_near_oracle(const nearness& near, bool imagenet_stem = false) {
  constexpr bool float_maps = std::is_same_v<typename Fast::activation, typename Fast::real>;
  constexpr int draws = 12;
  small_method<Fast, Options> fast(imagenet_stem);
  small_method<watched<backend::reference<double>>, Options> exact(imagenet_stem);
  fast.backend.watching = exact.backend.watching = true;
  for (int i = 0; i < 3; ++i) {
    std::vector<double> start = exact.state();
    for (double& x : start) x = double(static_cast<float>(x));
    const auto counters = exact.method.counters();
    method::step_report ours, truth;
    for (int draw = 1;; ++draw) {
      INFO("step " << i + 1 << (imagenet_stem ? ", ImageNet stem" : "") << ", draw " << draw);
      const auto images = exact.images(draws * i + draw);
      const auto run = [&](auto& m) {
        m.load(start, counters);
        m.backend.choices.clear();
        return m.step(i, images, 0.05);
      };
      truth = run(exact);
      // With narrow maps many choices differ, and a neighbor would decide the loss.
      if (auto* queue = fast.method.kept_queue();
          !float_maps && queue && !exact.neighbors.empty()) {
        queue->impose(exact.neighbors);
      }
      ours = run(fast);
      if (!float_maps || fast.backend.choices == exact.backend.choices) break;
      REQUIRE(draw < draws);
    }
    INFO("step " << i + 1 << (imagenet_stem ? ", ImageNet stem" : ""));
    const auto about = [&](double loss) {
      return Approx(loss).epsilon(near.loss).margin(near.margin);
    };
    CHECK((fast.neighbors == exact.neighbors));
    CHECK(ours.loss == about(truth.loss));
    CHECK(ours.terms[0] == about(truth.terms[0]));
    CHECK(ours.terms[1] == about(truth.terms[1]));
    CHECK(ours.gradient_norm == Approx(truth.gradient_norm).epsilon(near.gradient_norm));
    CHECK(distance(fast.state(), exact.state()) < near.change * distance(exact.state(), start));
  }
}

}  // namespace triptych::test
