#include <triptych/data/shuffle.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

#include "support/catch.hpp"

using triptych::data::shuffle;

TEST_CASE("a shuffle is a permutation for any size") {
  for (const std::int64_t n : {0, 1, 2, 31, 257, 5000}) {
    auto order = shuffle(n, 3, 1);
    std::sort(order.begin(), order.end());
    std::vector<std::int64_t> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    CHECK(order == all);
  }
}

TEST_CASE("a shuffle is a function of seed and epoch, and differs between them") {
  CHECK(shuffle(100, 3, 1) == shuffle(100, 3, 1));
  CHECK(shuffle(100, 3, 1) != shuffle(100, 3, 2));
  CHECK(shuffle(100, 3, 1) != shuffle(100, 4, 1));
}

TEST_CASE("every image comes to every place about equally often") {
  std::vector<int> counts(36);
  for (std::int64_t epoch = 0; epoch < 6000; ++epoch) {
    const auto order = shuffle(6, 1, epoch);
    for (std::size_t i = 0; i < 6; ++i) ++counts[i * 6 + static_cast<std::size_t>(order[i])];
  }
  for (const int c : counts) {
    CHECK(c > 850);
    CHECK(c < 1150);
  }
}
