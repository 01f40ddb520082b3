#include <triptych/core/philox.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace triptych;

// The known answers of Random123 for Philox4x32-10: zeros, ones, and the digits of pi.
static_assert(philox4x32({0, 0, 0, 0}, 0, 0) ==
              philox_block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffff,
                         0xffffffff) ==
              philox_block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822,
                         0x299f31d0) ==
              philox_block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

namespace {

std::vector<std::uint32_t> draws(random_stream s, int count) {
  std::vector<std::uint32_t> words;
  for (int i = 0; i < count; ++i) words.push_back(s.next());
  return words;
}

}  // namespace

TEST_CASE("philox gives the published words when run as when compiled") {
  volatile std::uint32_t digit = 0x243f6a88;  // keeps the compiler from knowing the answer
  CHECK(philox4x32({digit, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        philox_block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is the blocks of its address, counted in the first word") {
  const std::uint64_t seed = 0x0123456789abcdef;
  const auto words = draws({seed, stream::augment, 5, 6, 7}, 12);
  for (std::uint32_t block = 0; block < 3; ++block) {
    const auto expected = philox4x32({block, 5, 6, (4u << 8) | 7}, 0x89abcdef, 0x01234567);
    for (std::size_t i = 0; i < 4; ++i) CHECK(words[block * 4 + i] == expected[i]);
  }
}

TEST_CASE("streams that differ in one part of their address never meet") {
  std::vector<random_stream> streams;
  for (const std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (const auto purpose : {stream::initialize, stream::queue, stream::shuffle, stream::augment,
                               stream::procedural, stream::combine, stream::evaluate}) {
      for (const std::uint32_t part : {0u, 1u, 255u}) {
        streams.emplace_back(seed, purpose, part);
        if (part == 0) continue;
        streams.emplace_back(seed, purpose, 0u, part);
        streams.emplace_back(seed, purpose, 0u, 0u, part);
      }
    }
  }
  // A word of 32 bits may come twice; the 128 bits of a block do not.
  std::vector<std::vector<std::uint32_t>> blocks;
  for (const auto& s : streams) {
    const auto words = draws(s, 32);
    for (auto at = words.begin(); at != words.end(); at += 4) blocks.emplace_back(at, at + 4);
  }
  std::sort(blocks.begin(), blocks.end());
  CHECK(std::adjacent_find(blocks.begin(), blocks.end()) == blocks.end());
}

TEST_CASE("the same address gives the same numbers") {
  CHECK(draws({9, stream::shuffle, 1, 2, 3}, 100) == draws({9, stream::shuffle, 1, 2, 3}, 100));
}

TEST_CASE("uniform numbers lie in their range and have its mean and variance") {
  random_stream s(1, stream::evaluate);
  const int n = 100000;
  double sum = 0, squares = 0;
  float lowest = 1, highest = 0;
  for (int i = 0; i < n; ++i) {
    const float u = s.uniform();
    sum += double(u);
    squares += double(u) * double(u);
    lowest = std::min(lowest, u);
    highest = std::max(highest, u);
  }
  const double mean = sum / n;
  CHECK(lowest >= 0);
  CHECK(highest < 1);
  CHECK(lowest < 1e-3f);
  CHECK(highest > 0.999f);
  CHECK(std::abs(mean - 0.5) < 5 * 0.2887 / std::sqrt(n));  // five standard errors
  CHECK(squares / n - mean * mean == Approx(1.0 / 12).epsilon(0.02));
}

TEST_CASE("uniform(low, high) fills the range it is given") {
  random_stream s(2, stream::evaluate);
  float lowest = 10, highest = -10;
  for (int i = 0; i < 10000; ++i) {
    const float u = s.uniform(-2, 3);
    lowest = std::min(lowest, u);
    highest = std::max(highest, u);
  }
  CHECK(lowest >= -2);
  CHECK(lowest < -1.99f);
  CHECK(highest < 3);
  CHECK(highest > 2.99f);
}

TEST_CASE("below(n) takes every value under n equally often") {
  random_stream s(3, stream::evaluate);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70000; ++i) ++seen.at(s.below(7));
  for (const int count : seen) CHECK(std::abs(count - 10000) < 5 * 93);  // five deviations
  CHECK(s.below(1) == 0);
}

TEST_CASE("normal numbers have mean 0, variance 1 and their share beyond two deviations") {
  random_stream s(4, stream::evaluate);
  const int n = 100000;
  double sum = 0, squares = 0;
  int far = 0;
  for (int i = 0; i < n; ++i) {
    const double x = double(s.normal());
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
    if (std::abs(x) > 2) ++far;
  }
  CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
  CHECK(squares / n == Approx(1).epsilon(0.03));
  CHECK(static_cast<double>(far) / n == Approx(0.0455).epsilon(0.1));
}
