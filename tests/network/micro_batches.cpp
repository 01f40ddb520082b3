// A network that works off a batch in parts beside one whose BatchNorm takes the batch in as many:
// the same numbers, by less memory.
#include <triptych/network/network.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/backend/distributed.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/comm/threads.hpp>
#include <triptych/method/all.hpp>
#include <triptych/network/branches.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/larger.hpp"
#include "support/thrown.hpp"

namespace triptych::test::micro_batches {

using oracle = backend::reference<double>;
using numbers = std::vector<double>;

constexpr std::int64_t batch = 12;
constexpr int side = 12;

nn::architecture<> layers(int parts, int width = 2) {
  nn::architecture<> a(nn::resnet({.width = width, .blocks = {1, 1, 1, 1}}), {{6, 4}, 3});
  a.micro_batches = parts;
  return a;
}

struct images {
  shape extents;
  numbers values;
  explicit images(int views)
      : extents{views * batch, side, side, 3, views},
        values(random_numbers(static_cast<std::int64_t>(extents.size()), 7)) {}
  [[nodiscard]] tensor<const double> view() const { return {extents, values.data()}; }
};

double difference(const numbers& a, const numbers& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = larger(worst, std::abs(a[i] - b[i]));
  return worst;
}

/// What a recorded forward and a backward leave.
struct outcome {
  numbers embedding, projection, prediction, gradients, statistics;
};

template <class Network>
outcome both_ways(Network& n, int views, const forward_options& options) {
  auto& b = n.backend();
  n.initialize(3);
  n.zero_gradients();
  const images x(views);
  const arena_frame scope(b.arena());
  const std::array all{0, 1, 2};
  const auto out =
      n.forward(x.view(), std::span(all).first(static_cast<std::size_t>(views)), options);
  const auto copied = [](tensor<const double> t) { return numbers(t.data, t.data + t.size()); };
  outcome o{copied(out.embedding), copied(out.projection), copied(out.prediction), {}, {}};
  const auto gradient = [&](tensor<const double> t, std::uint64_t seed) {
    const auto values = random_numbers(static_cast<std::int64_t>(t.size()), seed);
    const tensor<double> d{t.shape, b.arena().template take<double>(t.size())};
    b.upload(values.data(), values.size(), d.data);
    return d;
  };
  n.backward({.embedding = gradient(out.embedding, 1), .prediction = gradient(out.prediction, 2)});
  o.gradients.assign(n.gradients(), n.gradients() + n.weight_list().size());
  o.statistics.assign(n.statistics(), n.statistics() + n.statistic_list().size());
  return o;
}

TEST_CASE("micro-batches give the outputs and gradients of BatchNorm in as many parts") {
  const int parts = GENERATE(2, 3, 4);
  for (const int views : {1, 3}) {
    oracle b;
    online_network<oracle> whole(b, layers(1)), divided(b, layers(parts));
    const auto expected = both_ways(whole, views, {.record = true, .view_parts = parts});
    const auto found = both_ways(divided, views, {.record = true});
    CHECK(difference(found.embedding, expected.embedding) == 0);
    CHECK(difference(found.projection, expected.projection) == 0);
    CHECK(difference(found.prediction, expected.prediction) == 0);
    CHECK(difference(found.gradients, expected.gradients) < 1e-10);
    // With several views the running statistics follow parts in another order.
    if (views == 1) CHECK(difference(found.statistics, expected.statistics) < 1e-14);
  }
}

TEST_CASE("micro-batches of patches are those of the images, with the same subsets") {
  oracle b;
  using patched = online_network<oracle, update::backprop<>, patches::grid>;
  const patches::grid grid(2, {2, true});
  patched whole(b, layers(1), {}, grid), divided(b, layers(3), {}, grid);
  forward_options options{.record = true, .view_parts = 1};
  options.random = random_stream(5, stream::combine, 1);
  // Of each of these networks a third of the images by itself, side by side.
  const auto found = both_ways(divided, 2, options);
  const images x(2);
  const std::int64_t each = batch / 3, image = side * side * 3;
  for (int part = 0; part < 3; ++part) {
    numbers some;
    for (int v = 0; v < 2; ++v) {
      const auto first = x.values.begin() + (v * batch + part * each) * image;
      some.insert(some.end(), first, first + each * image);
    }
    whole.initialize(3);
    const arena_frame scope(b.arena());
    const auto out =
        whole.forward({{2 * each, side, side, 3, 2}, some.data()}, std::array{0, 1}, options);
    const auto runs = out.prediction.shape.images / each;
    const auto width = static_cast<std::int64_t>(out.prediction.shape.channels);
    for (std::int64_t run = 0; run < runs; ++run) {
      for (std::int64_t i = 0; i < each * width; ++i) {
        CHECK(out.prediction.data[run * each * width + i] ==
              found.prediction[static_cast<std::size_t>((run * batch + part * each) * width + i)]);
      }
    }
  }
}

/// Losses and gradients' norms of two steps on these images of every view.
template <class Options, class B>
numbers trained(B& b, const Options& options, int parts, const std::vector<std::int64_t>& chosen) {
  typename Options::template method<B> m(b, layers(parts), options, 7);
  const int views = m.about().views;
  const auto n = static_cast<std::int64_t>(chosen.size());
  const images x(views);
  numbers own;
  constexpr std::int64_t image = side * side * 3;
  for (int v = 0; v < views; ++v) {
    for (const std::int64_t i : chosen) {
      const auto begin = x.values.begin() + (v * batch + i) * image;
      own.insert(own.end(), begin, begin + image);
    }
  }
  numbers found;
  for (int step = 0; step < 2; ++step) {
    const auto r = m.step({{views * n, side, side, 3, views}, own.data()}, {step, 0.05, 0.05, 3});
    found.insert(found.end(), {r.loss, r.gradient_norm});
  }
  return found;
}

TEST_CASE("a loss over micro-batches is that of the whole batch") {
  // Where all rows are alike, it says how many there are.
  oracle b;
  const method::simclr_options simclr{.temperature = 1000};
  CHECK(trained(b, simclr, 3, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})[0] ==
        Approx(std::log(2 * batch - 1)).epsilon(1e-3));
}

TEST_CASE("micro-batches of ranks are merged part by part") {
  const method::simclr_options simclr{.temperature = 0.5};
  numbers on_ranks[2];
  comm::on_threads(2, [&](comm::threads& r) {
    backend::distributed<oracle, comm::threads> own(r);
    const std::int64_t first = r.rank() * 6;
    on_ranks[r.rank()] =
        trained(own, simclr, 3, {first, first + 1, first + 2, first + 3, first + 4, first + 5});
  });
  CHECK(on_ranks[0] == on_ranks[1]);
  // On one rank: in each micro-batch what both ranks have in theirs.
  oracle b;
  const auto one = trained(b, simclr, 3, {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11});
  CHECK(difference(on_ranks[0], one) < 1e-10);
  CHECK(difference(one, trained(b, simclr, 3, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})) > 1e-6);
}

TEST_CASE("micro-batches take less memory") {
  const auto peak = [](int parts) {
    oracle b;
    online_network<oracle> n(b, layers(parts, 8));
    both_ways(n, 1, {.record = true});
    return static_cast<double>(b.arena().peak_bytes());
  };
  CHECK(peak(4) < 0.4 * peak(1));
  CHECK(peak(6) < 0.3 * peak(1));
}

TEST_CASE("every method works off a batch in micro-batches, by less memory") {
  method::all::each([]<class Options>() {
    INFO(Options::about.name);
    const auto peak = [](int parts) {
      oracle b;
      Options o;
      if constexpr (requires { o.queue; }) o.queue = 30;
      if constexpr (requires { o.prototypes; }) o.prototypes = 10;
      typename Options::template method<oracle> m(b, layers(parts, 8), o, 7);
      const images x(m.about().views);
      const auto report = m.step(x.view(), {0, 0.05, 0.05, 3});
      CHECK(std::isfinite(report.loss));
      return static_cast<double>(b.arena().peak_bytes());
    };
    CHECK(peak(3) < 0.6 * peak(1));
  });
}

TEST_CASE("a batch that micro-batches do not divide is refused") {
  oracle b;
  online_network<oracle> n(b, layers(5));
  const auto e = thrown_by([&] { both_ways(n, 1, {.record = true}); });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("12 images of a view cannot be worked off in 5 micro-batches; choose a batch"));
  online_network<oracle> split(b, layers(2));
  CHECK(thrown_by([&] {
          both_ways(split, 1, {.record = true, .view_parts = 2});
        }).says("beside `bn-splits`"));
}

}  // namespace triptych::test::micro_batches
