// Training on several ranks is training on one: a step of every method on parts of a batch, beside
// the same step on the whole of it.
#include <triptych/backend/distributed.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/comm/threads.hpp>
#include <triptych/method/all.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/larger.hpp"
#include "support/thrown.hpp"

namespace triptych::test::on_ranks {

using alone = backend::reference<double>;
using shared = backend::distributed<alone, comm::threads>;

using fast = backend::eigen<>;
using fast_shared = backend::distributed<fast, comm::threads>;

constexpr std::int64_t batch = 16;
constexpr int side = 16;

/// Views (V n, S, S, 3): rows first ... first + n - 1 of each view of a batch.
template <class B>
struct part {
  shape extents;
  device_array<B> images;

  part(B& b, int views, std::uint64_t seed, std::int64_t first, std::int64_t n)
      : extents{views * n, side, side, 3, views}, images(b, numbers(views, seed, first, n)) {}
  tensor<const typename B::real> view() const { return {extents, images.data()}; }

  static std::vector<double> numbers(int views, std::uint64_t seed, std::int64_t first,
                                     std::int64_t n) {
    std::vector<double> x;
    const std::int64_t image = side * side * 3;
    for (int v = 0; v < views; ++v) {
      const auto all = random_numbers(batch * image, seed + static_cast<std::uint64_t>(v));
      x.insert(x.end(), all.begin() + first * image, all.begin() + (first + n) * image);
    }
    return x;
  }
};

/// What a step leaves: losses and norm, gradients, everything that is kept.
struct outcome {
  std::vector<double> losses, gradients, state;
  std::vector<std::int64_t> counters;

  [[nodiscard]] double difference(const outcome& o) const {
    double worst = counters == o.counters ? 0 : std::numeric_limits<double>::infinity();
    worst = larger(worst, difference(losses, o.losses));
    worst = larger(worst, difference(gradients, o.gradients));
    return larger(worst, difference(state, o.state));
  }
  /// Relative to the largest number of the other, which is of the order of 1 in all of these.
  static double difference(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double worst = 0, most = 1;
    for (const double x : b) most = std::max(most, std::abs(x));
    for (std::size_t i = 0; i < a.size(); ++i) worst = larger(worst, std::abs(a[i] - b[i]) / most);
    return worst;
  }
};

nn::architecture<> layers(int width = 4) {
  return nn::architecture<>(nn::resnet({.width = width, .blocks = {1, 1, 1, 1}}), {{24, 16}, 12});
}

/// `steps` steps of a method on rows first ... first + n - 1 of each batch.
template <class B, class Options>
outcome trained(B& b, const Options& options, std::int64_t first, std::int64_t n, int steps = 3,
                int width = 4) {
  typename Options::template method<B> m(b, layers(width), options, 7);
  outcome result;
  for (int s = 0; s < steps; ++s) {
    const part<B> x(b, m.about().views, 100 * static_cast<std::uint64_t>(s + 1), first, n);
    const auto report = m.step(x.view(), {s, 0.05, 0.05, 3});
    result.losses.insert(result.losses.end(),
                         {report.loss, report.terms[0], report.terms[1], report.gradient_norm});
  }
  const auto& g = m.gradients();
  result.gradients.assign(g.data, g.data + g.list->size());
  for (const auto& arena : m.arenas()) {
    result.state.insert(result.state.end(), arena.data, arena.data + arena.list->size());
  }
  result.counters = m.counters();
  return result;
}

template <class Options>
std::vector<outcome> trained_on(int ranks, const Options& options) {
  std::vector<outcome> all(static_cast<std::size_t>(ranks));
  comm::on_threads(ranks, [&](comm::threads& r) {
    shared b(r);
    const std::int64_t n = batch / ranks;
    all[static_cast<std::size_t>(r.rank())] = trained(b, options, r.rank() * n, n);
  });
  return all;
}

template <class Options>
Options small() {
  Options o;
  if constexpr (requires { o.temperature; }) o.temperature = 0.5;
  if constexpr (requires { o.queue; }) o.queue = 40;
  if constexpr (requires { o.prototypes; }) o.prototypes = 10;
  return o;
}

template <class Options>
void check_equal_to_one(const Options& options) {
  alone b;
  const outcome one = trained(b, options, 0, batch);
  for (const int ranks : {1, 2, 4}) {
    INFO(Options::about.name << " on " << ranks << " ranks");
    const auto all = trained_on(ranks, options);
    for (const outcome& of_rank : all) {
      CHECK(of_rank.difference(one) <= 1e-12);
      CHECK(of_rank.state == all.front().state);  // bit by bit
      CHECK(of_rank.gradients == all.front().gradients);
    }
  }
}

TEST_CASE("three steps of every method are the same on one rank, two and four") {
  method::all::each([]<class Options>() { check_equal_to_one(small<Options>()); });
}

TEST_CASE("three steps of MNCL as released are the same on one rank, two and four") {
  auto o = method::mncl_options::released();
  o.queue = 40;
  o.local_gradient = true;
  check_equal_to_one(o);
  o.enqueue = method::enqueue::both;
  check_equal_to_one(o);
}

TEST_CASE("MoCo's split BatchNorm and shuffled keys are the same on one rank, two and four") {
  auto o = small<method::moco_options>();
  o.bn_splits = GENERATE(1, 2, 4);
  o.symmetric = GENERATE(true, false);
  check_equal_to_one(o);
}

TEST_CASE("the fast backend on two ranks takes the step of one, with any number of threads") {
  // Root mean squares, and bounds that leave room for a relu that rounding decides: one of some
  // hundred thousands moves a gradient by about a thousandth. Seen without any: 3e-9, 3e-6, 2e-6. A
  // gradient that is off by the number of ranks would be off by half.
  const auto distance = [](const std::vector<double>& a, const std::vector<double>& b) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += b[i] * b[i];
    }
    return std::sqrt(difference / size);
  };
  const auto o = small<method::mncl_options>();
  const auto on_two = [&](int threads) {
    std::vector<outcome> all(2);
    comm::on_threads(2, [&](comm::threads& r) {
      fast_shared b(r, threads);
      all[static_cast<std::size_t>(r.rank())] =
          trained(b, o, r.rank() * batch / 2, batch / 2, 1, 16);
    });
    return all;
  };
  fast b(2);
  const outcome one = trained(b, o, 0, batch, 1, 16);
  const auto two = on_two(1);
  CHECK(distance(two[0].losses, one.losses) < 1e-5);
  CHECK(distance(two[0].gradients, one.gradients) < 1e-2);
  CHECK(distance(two[0].state, one.state) < 1e-3);
  CHECK(two[1].state == two[0].state);
  CHECK(two[1].gradients == two[0].gradients);
  const auto threaded = on_two(3);
  CHECK(threaded[0].state == two[0].state);
  CHECK(threaded[0].losses == two[0].losses);
}

TEST_CASE("the order of a step's rows tells ranks apart") {
  // What the tests above would miss if ranks' rows had no order: a rank given another's part.
  const auto o = small<method::mncl_options>();
  std::vector<outcome> swapped(2);
  comm::on_threads(2, [&](comm::threads& r) {
    shared b(r);
    swapped[static_cast<std::size_t>(r.rank())] =
        trained(b, o, (1 - r.rank()) * batch / 2, batch / 2);
  });
  alone b;
  CHECK(swapped[0].difference(trained(b, o, 0, batch)) > 1e-6);
}

TEST_CASE("a number that is not finite on one rank stops the step on all") {
  std::vector<std::string> said(2);
  comm::on_threads(2, [&](comm::threads& r) {
    shared b(r);
    method::mncl<shared> m(b, layers(), small<method::mncl_options>(), 7);
    auto x = part<shared>::numbers(3, 100, r.rank() * batch / 2, batch / 2);
    if (r.rank() == 1) x[5] = std::numeric_limits<double>::quiet_NaN();
    const device_array<shared> images(b, x);
    const auto weights = [&] {
      const auto& a = m.arenas().front();
      return std::vector<double>(a.data, a.data + a.list->size());
    };
    const auto before = weights();
    const auto e = thrown_by([&] {
      m.step({{3 * batch / 2, side, side, 3, 3}, images.data()}, {0, 0.05, 0.05, 3});
    });
    if (e.kind != error_kind::non_finite || weights() != before) return;
    said[static_cast<std::size_t>(r.rank())] = e.sentence;
  });
  CHECK(said[0].starts_with("step 1 is not finite"));
  CHECK(said[1].starts_with("step 1 is not finite: an input image holds NaN"));
}

TEST_CASE("parts of a view that fit no number of ranks are refused") {
  const auto e = thrown_by([] {
    comm::on_threads(4, [](comm::threads& r) {
      shared b(r);
      auto o = small<method::moco_options>();
      o.bn_splits = 8;
      trained(b, o, 0, 3, 1);  // 12 images in 8 parts
    });
  });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("12 images of a view cannot be normalized in 8 equal parts on 4 "
               "ranks"));
}

}  // namespace triptych::test::on_ranks
