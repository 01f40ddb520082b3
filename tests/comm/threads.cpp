#include <triptych/comm/threads.hpp>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <triptych/comm/communicator.hpp>
#include <triptych/comm/self.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

static_assert(Communicator<comm::threads>);
static_assert(Communicator<comm::self>);

namespace {

/// What every rank has after `work`, in the order of ranks.
template <class Work>
auto on_each(int size, const Work& work) {
  std::vector<decltype(work(std::declval<comm::threads&>()))> results(
      static_cast<std::size_t>(size));
  comm::on_threads(size, [&](comm::threads& ranks) {
    results[static_cast<std::size_t>(ranks.rank())] = work(ranks);
  });
  return results;
}

}  // namespace

TEST_CASE("a rank is told its number and how many there are") {
  const auto found = on_each(3, [](comm::threads& r) { return 10 * r.size() + r.rank(); });
  CHECK(found == std::vector{30, 31, 32});
  CHECK(comm::self::rank() == 0);
  CHECK(comm::self::size() == 1);
}

TEST_CASE("gather gives every rank what all have shown, in their order") {
  const auto found = on_each(4, [](comm::threads& r) {
    std::vector<int> all(8);
    for (int turn = 0; turn < 100; ++turn) {
      const int own[] = {r.rank() + turn, -r.rank()};
      r.gather(own, sizeof own, all.data());
    }
    return all;
  });
  for (const auto& all : found) CHECK(all == std::vector{99, 0, 100, -1, 101, -2, 102, -3});
}

TEST_CASE("share gives every rank what the first one has") {
  const auto found = on_each(3, [](comm::threads& r) {
    std::vector<int> x{r.rank(), 10 + r.rank()};
    for (int turn = 0; turn < 100; ++turn) {
      x[0] = r.rank() + turn;
      r.share(x.data(), x.size() * sizeof(int));
    }
    return x;
  });
  for (const auto& x : found) CHECK(x == std::vector{99, 10});
}

TEST_CASE("a sum over ranks has the same bits on all of them, those of a binary tree") {
  const int size = GENERATE(1, 2, 3, 5, 8);
  const std::size_t n = GENERATE(1u, 2u, 7u, 2500u);
  const auto value = [](int rank, std::size_t i) {
    return std::sin(static_cast<float>(i) + 1) * std::pow(10.0f, static_cast<float>(rank));
  };
  const auto found = on_each(size, [&](comm::threads& r) {
    std::vector<float> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = value(r.rank(), i);
    r.sum(x.data(), n);
    return x;
  });
  std::vector<float> expected(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto pair = [&](int first) {
      return first + 1 < size ? value(first, i) + value(first + 1, i) : value(first, i);
    };
    const auto four = [&](int first) {
      return first + 2 < size ? pair(first) + pair(first + 2) : pair(first);
    };
    expected[i] = size > 4 ? four(0) + four(4) : four(0);
  }
  for (const auto& x : found) CHECK(x == expected);
}

TEST_CASE("what one rank throws ends the others and comes out") {
  const auto e = thrown_by([] {
    comm::on_threads(4, [](comm::threads& r) {
      double x = 1;
      r.sum(&x, 1);
      if (r.rank() == 2) throw error::data("an image is damaged; copy it again");
      for (;;) r.sum(&x, 1);
    });
  });
  CHECK(e.kind == error_kind::data);
  CHECK(e.sentence == "an image is damaged; copy it again");
}

TEST_CASE("a rank that ends before the others is missed in a sentence") {
  const auto e = thrown_by([] {
    comm::on_threads(2, [](comm::threads& r) {
      double x = 1;
      if (r.rank() == 0) r.sum(&x, 1);
    });
  });
  CHECK(e.kind == error_kind::runtime);
  CHECK(e.sentence.starts_with("rank 1 has left, and rank 0 cannot go on"));
}

TEST_CASE("ranks that do different things are told so") {
  const auto e = thrown_by([] {
    comm::on_threads(2, [](comm::threads& r) {
      const double x[2] = {1, 2};
      double all[4];
      r.gather(x, sizeof(double) * static_cast<std::size_t>(r.rank() + 1), all);
    });
  });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.sentence.starts_with("ranks exchange"));
}

TEST_CASE("no ranks are refused") {
  CHECK(thrown_by([] { comm::on_threads(0, [](comm::threads&) {}); }).kind == error_kind::usage);
}
