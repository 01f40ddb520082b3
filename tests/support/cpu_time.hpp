// Processor time of a call, for tests of what hostile input may cost. It does not count what other
// programs do meanwhile; compare it with what is a hundred times more or less all the same.
#pragma once

#include <ctime>

namespace triptych::test {

/// Seconds that this thread computes in `call`.
template <class Call>
double cpu_seconds(const Call& call) {
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  call();
  return now() - start;
}

}  // namespace triptych::test
