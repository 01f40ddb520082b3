// Lanes that share a row: what they compute does not depend on how many there are, the order of
// sums apart.
#include <triptych/kernels/group.hpp>
#include <triptych/kernels/rows.hpp>

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace triptych::kernels;

TEMPLATE_TEST_CASE("a reduction sees every number once", "", lanes<1>, lanes<16>, lanes<32>) {
  const TestType group;
  for (const std::int64_t n : {0, 1, 15, 16, 17, 31, 32, 33, 100, 1000}) {
    std::vector<int> seen(static_cast<std::size_t>(n));
    group.each(n, [&](std::int64_t i) { ++seen[static_cast<std::size_t>(i)]; });
    CHECK(seen == std::vector<int>(static_cast<std::size_t>(n), 1));
    const auto sum = group.template sum<std::int64_t>(n, [](std::int64_t i) { return i * i + 1; });
    CHECK(sum == n * (n - 1) * (2 * n - 1) / 6 + n);
  }
}

TEST_CASE("32 lanes add as a warp does: each its own numbers, then lane l and l + half") {
  // Lane 0 gets 1e8 and 1, lane 16 -1e8: one after the other they would leave 1.
  std::vector<float> x(33, 0.0f);
  x[0] = 1e8f;
  x[16] = -1e8f;
  x[32] = 1.0f;
  const float sum =
      lanes<32>{}.sum<float>(33, [&](std::int64_t i) { return x[static_cast<std::size_t>(i)]; });
  CHECK(sum == 0.0f);
}

TEMPLATE_TEST_CASE("the first of equal numbers is the largest", "", lanes<1>, lanes<16>,
                   lanes<32>) {
  for (const int first : {0, 1, 16, 31, 32, 40}) {
    std::vector<float> row(100, -1.0f);
    row[static_cast<std::size_t>(first)] = row[64] = row[99] = 3.0f;
    int at = -1;
    argmax_row<float>{row.data(), 100, &at}(TestType{}, 0);
    CHECK(at == first);
  }
}
