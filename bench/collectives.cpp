// What collective operations between the ranks of a run cost: latency and bandwidth, for the model in
// docs/scale.md.
//
//   bench_collectives 2                  ranks as threads of this process
//   mpirun -n 2 bench_collectives        as processes, in a build with MPI
//
// A line for each size: microseconds of a gather and of a sum, the median of many, on rank 0; then
// the straight line through the smallest and the largest, seconds = latency + bytes / bandwidth.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include <triptych/comm/communicator.hpp>
#ifdef TRIPTYCH_HAS_MPI
#include <triptych/comm/mpi.hpp>
#endif
#include <triptych/comm/threads.hpp>

namespace {

template <class Work>
double median_seconds(int repetitions, const Work& work) {
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    times.push_back(taken.count());
  }
  std::nth_element(times.begin(), times.begin() + repetitions / 2, times.end());
  return times[static_cast<std::size_t>(repetitions / 2)];
}

template <triptych::Communicator C>
void measure(C& ranks) {
  constexpr std::size_t smallest = 64, largest = std::size_t{1} << 24;
  const auto count = static_cast<std::size_t>(ranks.size());
  std::vector<float> own(largest / sizeof(float), 1), all(own.size() * count);
  const auto say = [&](auto... words) {
    if (ranks.rank() == 0) std::printf(words...);
  };
  say("%d ranks\n%12s %12s %12s\n", ranks.size(), "bytes", "gather us", "sum us");
  double first[2]{}, last[2]{};
  for (std::size_t bytes = smallest; bytes <= largest; bytes *= 4) {
    const int repetitions = bytes < (1U << 18) ? 2001 : 51;
    last[0] = median_seconds(repetitions, [&] { ranks.gather(own.data(), bytes, all.data()); });
    last[1] = median_seconds(repetitions, [&] { ranks.sum(own.data(), bytes / sizeof(float)); });
    if (bytes == smallest) std::copy(last, last + 2, first);
    say("%12zu %12.2f %12.2f\n", bytes, 1e6 * last[0], 1e6 * last[1]);
  }
  for (int i = 0; i < 2; ++i) {
    say("%s: latency %.1f us, %.2f GB/s of a rank's bytes\n", i == 0 ? "gather" : "sum",
        1e6 * first[i], static_cast<double>(largest - smallest) / (last[i] - first[i]) / 1e9);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1) {
    triptych::comm::on_threads(std::atoi(argv[1]), [](auto& ranks) { measure(ranks); });
    return 0;
  }
#ifdef TRIPTYCH_HAS_MPI
  MPI_Init(&argc, &argv);
  {
    triptych::comm::mpi ranks;
    measure(ranks);
  }
  MPI_Finalize();
  return 0;
#else
  std::fprintf(stderr, "give a number of ranks as threads, or build with MPI\n");
  return 2;
#endif
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_collectives: %s\n", e.what());
  return 1;
}
