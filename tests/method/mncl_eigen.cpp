// Whole steps on the fast backend: beside the oracle, for any number of threads, in the memory of
// the first step.
#include <triptych/method/mncl.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <triptych/backend/eigen.hpp>

#include "device/near_oracle.hpp"
#include "method/small.hpp"
#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::test;

TEST_CASE("three steps on eigen stay near the oracle's") {
  // Single precision, 1e-7, through a dozen layers whose BatchNorms divide by small deviations.
  check_steps_near_oracle<watched<backend::eigen<>>, method::mncl_options>(
      {1e-4, 1e-5, 1e-3, 1e-3});
}

TEST_CASE("five steps give the same bits for any number of threads") {
  const auto run = [](int threads) {
    small_mncl<backend::eigen<>> m(threads, 8);
    for (int i = 0; i < 5; ++i) m.step(i, 20 + static_cast<std::uint64_t>(i));
    return m.state();
  };
  const auto one = run(1);
  CHECK(std::all_of(one.begin(), one.end(), [](double v) { return std::isfinite(v); }));
  for (const int threads : {2, 3, 8}) {
    INFO(threads << " threads");
    CHECK((run(threads) == one));  // without printing them
  }
}

TEST_CASE("no step after the first asks the system for memory") {
  small_mncl<backend::eigen<>> m(2);
  m.step(0, 1);
  const auto growths = m.backend.arena().growths();
  const auto peak = m.backend.arena().peak_bytes();
  for (int i = 1; i < 5; ++i) m.step(i, 1);
  CHECK(m.backend.arena().growths() == growths);
  CHECK(m.backend.arena().peak_bytes() == peak);
  CHECK(m.backend.arena().position().block == 0);
  CHECK(m.backend.arena().position().offset == 0);
}
