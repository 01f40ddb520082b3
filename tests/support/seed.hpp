// The seed of a test's random inputs.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace triptych::test {

/// `seed`, moved by the environment's TRIPTYCH_TEST_SEED (unset: 0), so that one build can be
/// tested on other inputs: what a test claims holds for all of them.
inline std::uint64_t seeded(std::uint64_t seed) {
  static const std::uint64_t run = [] {
    const char* text = std::getenv("TRIPTYCH_TEST_SEED");
    return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  }();
  return seed + 1'000'003 * run;
}

}  // namespace triptych::test
