#include <triptych/eval/collapse.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include <triptych/core/philox.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych::eval;

namespace {

std::vector<float> normal_rows(std::int64_t rows, int dim) {
  std::vector<float> z(static_cast<std::size_t>(rows * dim));
  triptych::random_stream random(triptych::test::seeded(4), triptych::stream::procedural);
  for (float& v : z) v = random.normal();
  return z;
}

}  // namespace

TEST_CASE("random directions spread by one over the root of their dimension") {
  CHECK(direction_spread(normal_rows(512, 64), 512, 64) == Approx(1.0 / 8).epsilon(0.01));
}

TEST_CASE("spread and rank look at directions, not lengths") {
  std::vector<float> z = normal_rows(40, 16);
  const double spread = direction_spread(z, 40, 16), rank = effective_rank(z, 40, 16);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] *= static_cast<float>(1 + i / 16);
  CHECK(direction_spread(z, 40, 16) == Approx(spread).epsilon(1e-6));
  CHECK(effective_rank(z, 40, 16) == Approx(rank).epsilon(1e-5));
}

TEST_CASE("a batch that collapsed to one point has no spread and no rank") {
  std::vector<float> z;
  for (int i = 0; i < 20; ++i) z.insert(z.end(), {0.3f, -0.7f, 0.1f});
  CHECK(direction_spread(z, 20, 3) == Approx(0.0).margin(1e-12));
  CHECK(effective_rank(z, 20, 3) == 0);
}

TEST_CASE("the effective rank counts equal directions") {
  // +-e_d for d < r: r equal singular values.
  for (const int r : {1, 3, 8}) {
    std::vector<float> z(static_cast<std::size_t>(2 * r) * 8);
    for (std::size_t d = 0; d < static_cast<std::size_t>(r); ++d) {
      z[2 * d * 8 + d] = 1.0f;
      z[(2 * d + 1) * 8 + d] = -1.0f;
    }
    CHECK(effective_rank(z, 2 * r, 8) == Approx(r).epsilon(1e-5));
  }
}

TEST_CASE("the effective rank is the same from either Gram matrix") {
  // The same 12 x 12 block inside a wide and a tall batch: zero features, then repeated rows.
  const std::vector<float> z = normal_rows(12, 12);
  std::vector<float> wide(12 * 30), tall = z;
  for (std::size_t i = 0; i < 12; ++i) {
    for (std::size_t d = 0; d < 12; ++d) wide[i * 30 + d] = z[i * 12 + d];
  }
  tall.insert(tall.end(), z.begin(), z.end());
  const double expected = effective_rank(z, 12, 12);
  CHECK(expected < 11);
  CHECK(effective_rank(wide, 12, 30) == Approx(expected).epsilon(1e-5));
  CHECK(effective_rank(tall, 24, 12) == Approx(expected).epsilon(1e-5));
}

TEST_CASE("the share of neighbors with the same label is counted") {
  const std::vector<std::int32_t> labels{0, 1, 2, 3}, neighbors{0, 1, 0, -1};
  CHECK(same_label_share(labels, neighbors) == 0.5);
  // Rows without a label are not counted.
  CHECK(same_label_share(std::vector<std::int32_t>{0, -1, 2, -1}, neighbors) == 0.5);
  CHECK(same_label_share(std::vector<std::int32_t>{-1, -1, -1, -1}, neighbors) == 0);
  // Two neighbors of each of two rows: the first ones are 0 and 1, the second ones 0 and -1.
  CHECK(same_label_share(std::vector<std::int32_t>{0, 1}, neighbors) == 0.75);
}

TEST_CASE("the age of neighbors is counted in steps from the head of the ring") {
  // Capacity 8, batch 2, 6 rows pushed: head 6, rows 6 and 7 are random; 5 and 4 were pushed last.
  const std::vector<std::int64_t> looked_up{5, 4, 3, 0, 7};
  const neighbor_age age = queue_age(looked_up, 8, 6, 2, 6);
  CHECK(age.mean_steps == Approx((1 + 1 + 2 + 3) / 4.0));
  CHECK(age.random_share == Approx(0.2));
  // After 10 rows the ring has wrapped: head 2, the oldest row is 2.
  const std::vector<std::int64_t> wrapped{1, 2};
  CHECK(queue_age(wrapped, 8, 2, 2, 10).mean_steps == Approx((1 + 4) / 2.0));
  CHECK(queue_age(wrapped, 8, 2, 2, 10).random_share == 0.0);
}

TEST_CASE("monitors refuse shapes that do not fit") {
  const std::vector<float> z(10);
  CHECK_THROWS_AS(direction_spread(z, 3, 4), triptych::error);
  CHECK_THROWS_AS(effective_rank(z, 0, 4), triptych::error);
  CHECK_THROWS_AS(same_label_share({}, {}), triptych::error);
  CHECK_THROWS_AS(
      same_label_share(std::vector<std::int32_t>{0, 1}, std::vector<std::int32_t>{0, 1, 0}),
      triptych::error);
  CHECK_THROWS_AS(queue_age({}, 8, 8, 2, 0), triptych::error);
}
