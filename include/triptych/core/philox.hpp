// triptych/core/philox.hpp
//
// Counter-based random numbers: a value is a function of a key and a counter and nothing else, so
// the same numbers come out on every backend, for any number of threads, and after a resume.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011),
// Philox4x32-10. Known-answer vectors are checked in tests/core/philox.cpp.
// Cost: about 40 integer operations for four 32-bit words.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <triptych/config.hpp>

namespace triptych {

using philox_block = std::array<std::uint32_t, 4>;

/// Philox4x32-10: one block of four 32-bit words for a 128-bit counter and a 64-bit key.
TRIPTYCH_HOST_DEVICE constexpr philox_block philox4x32(philox_block counter, std::uint32_t key0,
                                                       std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0,
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1,
               static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// What a stream of random numbers is for; part of the counter, so that streams never meet.
enum class stream : std::uint32_t {
  initialize = 1,
  queue = 2,
  shuffle = 3,
  augment = 4,
  procedural = 5,
  combine = 6,
  evaluate = 7,
  shuffle_keys = 8,
  subset = 9,
};

/// A stream of random numbers addressed by (seed, stream, a, b, c): `a` below 2^32, `b` below 2^24,
/// `c` below 256. The n-th draw depends on that address and on n alone.
class random_stream {
 public:
  constexpr random_stream(std::uint64_t seed, stream purpose, std::uint32_t a = 0,
                          std::uint32_t b = 0, std::uint32_t c = 0)
      : key0_(static_cast<std::uint32_t>(seed)), key1_(static_cast<std::uint32_t>(seed >> 32)),
        counter_{0, a, b, (static_cast<std::uint32_t>(purpose) << 8) | (c & 0xFFu)} {}

  /// The next 32 random bits.
  constexpr std::uint32_t next() {
    if (used_ == 4) {
      block_ = philox4x32(counter_, key0_, key1_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1): 24 random bits.
  constexpr float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }

  /// Uniform in [low, high).
  constexpr float uniform(float low, float high) { return low + (high - low) * uniform(); }

  /// Uniform in {0, ..., n-1}; the bias of at most n / 2^32 is accepted.
  constexpr std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
  }

  /// Standard normal (Box-Muller, single precision: the same bits with and without FMA).
  float normal() {
    const float radius = std::sqrt(-2.0f * std::log(1.0f - uniform()));
    return radius * std::cos(6.28318530717958647692f * uniform());
  }

 private:
  std::uint32_t key0_, key1_;
  philox_block counter_;
  philox_block block_{};
  std::uint32_t used_ = 4;
};

}  // namespace triptych
