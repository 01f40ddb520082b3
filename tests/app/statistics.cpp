#include "triptych/commands/statistics.hpp"

#include <optional>

#include "support/catch.hpp"

using namespace triptych::app;

TEST_CASE("Mean and deviation are those worked out by hand") {
  // 2, 4, 9: mean 5, squares 9 + 1 + 16 = 26, divided by 2.
  const auto three = summarize({2, 4, 9});
  CHECK(three.count == 3);
  CHECK(three.mean == 5);
  CHECK(three.deviation.value() == Approx(3.605551275463989).epsilon(1e-15));

  const auto with_gap = summarize({89.5, std::nullopt, 90.5});  // 0.5 on either side of 90
  CHECK(with_gap.count == 2);
  CHECK(with_gap.mean == 90);
  CHECK(with_gap.deviation.value() == Approx(0.7071067811865476).epsilon(1e-15));

  CHECK(summarize({7}).mean == 7);
  CHECK_FALSE(summarize({7}).deviation);
  CHECK(summarize({}).count == 0);
  CHECK(summarize({std::nullopt}).count == 0);
}

TEST_CASE("Differences are taken seed by seed, and what the seeds share cancels") {
  // Seeds that differ by ten points, a gain of 1, 2 and 3 in each: 2 with deviation 1.
  const auto gain = summarize(paired_difference({41, 52, 63}, {40, 50, 60}));
  CHECK(gain.count == 3);
  CHECK(gain.mean == 2);
  CHECK(gain.deviation == 1);

  const auto where_both = paired_difference({41, std::nullopt, 63}, {std::nullopt, 50, 60});
  CHECK(where_both == by_seed{std::nullopt, std::nullopt, 3});
}

TEST_CASE("Student's t is that of the tables") {
  // scipy.stats.t.ppf(0.975, degrees)
  CHECK(student_t_95(1) == Approx(12.706204736174694).epsilon(1e-12));
  CHECK(student_t_95(2) == Approx(4.302652729749462).epsilon(1e-12));
  CHECK(student_t_95(3) == Approx(3.1824463052837078).epsilon(1e-12));
  CHECK(student_t_95(4) == Approx(2.7764451051977934).epsilon(1e-12));
  CHECK(student_t_95(9) == Approx(2.262157162798205).epsilon(1e-12));
  CHECK(student_t_95(30) == Approx(2.0422724563012378).epsilon(1e-12));
  CHECK(student_t_95(1000) == Approx(1.9623390808264083).epsilon(1e-12));
  CHECK(student_t_within(0, 5) == 0);
}
