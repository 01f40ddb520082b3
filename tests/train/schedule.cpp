#include <triptych/train/schedule.hpp>

#include <cmath>

#include "support/catch.hpp"

using namespace triptych;
using train::schedule;

TEST_CASE("the cosine falls from the base to almost nothing") {
  CHECK(cosine_decay(0.1, 0, 200) == 0.1);
  CHECK(cosine_decay(0.1, 100, 200) == Approx(0.05).epsilon(1e-15));
  CHECK(cosine_decay(0.1, 199, 200) > 0);
  CHECK(cosine_decay(0.1, 199, 200) < 1e-5);
  const double pi = std::acos(-1.0);
  for (int t = 0; t < 200; ++t) {
    CHECK(cosine_decay(0.1, t, 200) ==
          Approx(0.05 * (1 + std::cos(pi * t / 200))).margin(1e-16).epsilon(1e-14));
    if (t > 0) CHECK(cosine_decay(0.1, t, 200) < cosine_decay(0.1, t - 1, 200));
  }
}

TEST_CASE("a schedule without warm-up is the cosine") {
  const schedule s{.base = 0.3, .steps = 50};
  for (int t = 0; t < 50; ++t) {
    CHECK(s(t) == Approx(cosine_decay(0.3, t, 50)).epsilon(1e-14));  // inlined apart, rounded apart
  }
}

TEST_CASE("the warm-up rises in equal steps to the base, and the cosine takes the rest") {
  const schedule s{.base = 0.4, .steps = 30, .warmup = 10};
  for (int t = 0; t < 10; ++t) CHECK(s(t) == Approx(0.04 * (t + 1)).epsilon(1e-15));
  CHECK(s(9) == 0.4);
  CHECK(s(10) == 0.4);
  CHECK(s(20) == Approx(0.2).epsilon(1e-15));
  CHECK(s(29) == Approx(cosine_decay(0.4, 19, 20)).epsilon(1e-13));
}

TEST_CASE("a constant schedule stays at the base after its warm-up") {
  const schedule s{.base = 0.4, .steps = 30, .warmup = 4, .constant = true};
  CHECK(s(0) == Approx(0.1));
  for (int t = 3; t < 30; ++t) CHECK(s(t) == 0.4);
}

TEST_CASE("a change of the base counts from its step on, in every part of the schedule") {
  const schedule one{.base = 0.4, .steps = 30, .warmup = 10},
      other{.base = 0.1, .steps = 30, .warmup = 10};
  for (const std::int64_t at : {0, 5, 10, 20}) {
    const schedule s{.base = 0.4, .steps = 30, .warmup = 10, .changes = {{at, 0.1}}};
    for (int t = 0; t < 30; ++t) CHECK(s(t) == (t < at ? one : other)(t));
  }
  const schedule s{.base = 1, .steps = 9, .constant = true, .changes = {{2, 0.5}, {4, 3}}};
  for (int t = 0; t < 9; ++t) CHECK(s(t) == (t < 2 ? 1 : t < 4 ? 0.5 : 3));
}

TEST_CASE("a warm-up as long as the run only rises") {
  const schedule s{.base = 1, .steps = 5, .warmup = 5};
  CHECK(s(4) == 1);
  CHECK(std::isfinite(s(5)));
}
