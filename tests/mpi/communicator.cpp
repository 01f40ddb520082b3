// comm::mpi, run by mpirun on several processes (CMakeLists.txt): every rank runs all tests.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <triptych/comm/mpi.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/backend/distributed.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/comm/communicator.hpp>
#include <triptych/comm/threads.hpp>
#include <triptych/method/mncl.hpp>

#include "support/device_array.hpp"

using namespace triptych;

static_assert(Communicator<comm::mpi>);

namespace {

/// What a rank has after sums of many sizes; the same on threads and on processes.
template <class C>
std::vector<float> sums(C& ranks) {
  std::vector<float> all;
  for (const std::size_t n : {1u, 2u, 7u, 2500u}) {
    std::vector<float> x(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] =
          std::sin(static_cast<float>(i) + 1) * std::pow(10.0f, static_cast<float>(ranks.rank()));
    }
    ranks.sum(x.data(), n);
    all.insert(all.end(), x.begin(), x.end());
  }
  return all;
}

/// The state of a small run after two steps on a rank's part of made-up images.
template <class C>
std::vector<double> trained(C& ranks) {
  using backend_type = backend::distributed<backend::reference<double>, C>;
  constexpr std::int64_t batch = 12, side = 16;
  backend_type b(ranks);
  method::mncl_options options;
  options.queue = 20;
  options.temperature = 0.5;
  method::mncl<backend_type> m(
      b, nn::architecture<>(nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}), {{8, 6}, 4}), options,
      3);
  const std::int64_t n = batch / ranks.size(), image = side * side * 3;
  for (int step = 0; step < 2; ++step) {
    std::vector<double> x;
    for (std::uint64_t v = 0; v < 3; ++v) {
      const auto all = test::random_numbers(batch * image, v + 1);
      const auto first = all.begin() + ranks.rank() * n * image;
      x.insert(x.end(), first, first + n * image);
    }
    const test::device_array<backend_type> images(b, x);
    m.step({{3 * n, side, side, 3, 3}, images.data()}, {step, 0.05, 0.05, 1});
  }
  std::vector<double> state;
  for (const auto& a : m.arenas()) state.insert(state.end(), a.data, a.data + a.list->size());
  return state;
}

/// What rank `rank` of `size` threads has after `work`.
template <class Work>
auto on_thread(int rank, int size, const Work& work) {
  decltype(work(*static_cast<comm::threads*>(nullptr))) result;
  comm::on_threads(size, [&](comm::threads& r) {
    auto own = work(r);
    if (r.rank() == rank) result = std::move(own);
  });
  return result;
}

}  // namespace

TEST_CASE("gather gives every process what all have shown, and share what the first has") {
  comm::mpi ranks;
  REQUIRE(ranks.size() > 1);
  const int own[] = {ranks.rank(), -ranks.rank()};
  std::vector<int> all(2 * static_cast<std::size_t>(ranks.size()));
  ranks.gather(own, sizeof own, all.data());
  for (int r = 0; r < ranks.size(); ++r) {
    CHECK(all[2 * static_cast<std::size_t>(r)] == r);
    CHECK(all[2 * static_cast<std::size_t>(r) + 1] == -r);
  }
  int value = 10 + ranks.rank();
  ranks.share(&value, sizeof value);
  CHECK(value == 10);
}

TEST_CASE("sums over processes have the bits of sums over threads") {
  comm::mpi ranks;
  const auto expected = on_thread(ranks.rank(), ranks.size(), [](auto& r) { return sums(r); });
  CHECK(sums(ranks) == expected);
}

TEST_CASE("processes train as threads do, bit by bit") {
  comm::mpi ranks;
  const auto expected = on_thread(ranks.rank(), ranks.size(), [](auto& r) { return trained(r); });
  CHECK(trained(ranks) == expected);
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int failed = Catch::Session().run(argc, argv);
  MPI_Finalize();
  return failed;
}
