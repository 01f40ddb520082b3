// triptych/core/await_change.hpp
//
// Waiting for another thread that will be ready within microseconds, as those of a training step are.
// To wake a thread takes longer than that, so one that waits looks again and again for 60
// microseconds before it sleeps.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <triptych/config.hpp>

namespace triptych {

/// Returns when `number` is no longer `old`.
inline void await_change(const std::atomic<std::uint32_t>& number, std::uint32_t old) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::microseconds(60);
  do {
    constexpr int looks = 32;  // for each look at the clock
    for (int i = 0; i < looks; ++i) {
      if (number.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (clock::now() < until);
  number.wait(old);
}

}  // namespace triptych
