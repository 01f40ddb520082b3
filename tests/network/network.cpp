#include <triptych/network/network.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/finite_differences.hpp"
#include "support/thrown.hpp"
#include "support/watched.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

using oracle = watched<backend::reference<double>>;
using numbers = std::vector<double>;
using online = online_network<oracle>;
using momentum = momentum_network<oracle>;
using stop_gradient = stop_gradient_network<oracle>;
using patched_online = online_network<oracle, update::backprop<>, patches::grid>;

constexpr int image_size = 12;
constexpr std::int64_t batch = 3;
constexpr std::array<int, 3> all_views = {0, 1, 2};

nn::architecture<> layers(int width = 2) {
  return nn::architecture<>(nn::resnet({.width = width, .blocks = {1, 1, 1, 1}}), {{6, 4}, 3});
}

/// Three views of random images.
struct images {
  shape extents{3 * batch, image_size, image_size, 3, 3};
  numbers values = random_numbers(static_cast<std::int64_t>(extents.size()), 7);
  [[nodiscard]] tensor<const double> view() const { return {extents, values.data()}; }
};

template <class T>
numbers copy_of(tensor<T> t) {
  return {t.data, t.data + t.size()};
}

/// Projections of the chosen views, recorded or not.
template <class Network>
numbers project(Network& n, std::span<const int> views, const forward_options& options = {}) {
  const images x;
  const arena_frame scope(n.backend().arena());
  return copy_of(n.forward(x.view(), views, options).projection);
}

template <class Network>
numbers weights_of(const Network& n) {
  return {n.weights(), n.weights() + n.weight_list().size()};
}

/// Which outputs a loss looks at.
struct seen_outputs {
  bool embedding = false, projection = false, prediction = true;
};

/// Checks a network's gradients of all weights by samples of each tensor.
template <class Network>
void check_network(Network& n, std::span<const int> views, const forward_options& draw = {},
                   const seen_outputs& seen = {}) {
  const images x;
  numbers dh, dz, dp;
  {
    const arena_frame scope(n.backend().arena());
    forward_options options = draw;
    options.record = true;
    const auto y = n.forward(x.view(), views, options);
    const auto random = [](tensor<const double> t, bool wanted, std::uint64_t seed) {
      return wanted ? random_numbers(static_cast<std::int64_t>(t.size()), seed) : numbers();
    };
    dh = random(y.embedding, seen.embedding, 20);
    dz = random(y.projection, seen.projection, 21);
    dp = random(y.prediction, seen.prediction, 8);
    numbers overwritten[] = {dh, dz, dp};
    const auto as_tensor = [](tensor<const double> t, numbers& d) {
      return d.empty() ? tensor<double>() : tensor<double>{t.shape, d.data()};
    };
    n.zero_gradients();
    n.backward({.embedding = as_tensor(y.embedding, overwritten[0]),
                .projection = as_tensor(y.projection, overwritten[1]),
                .prediction = as_tensor(y.prediction, overwritten[2])});
  }
  auto& choices = n.backend().choices;
  n.backend().watching = true;
  const auto f = [&] {
    const arena_frame scope(n.backend().arena());
    const auto y = n.forward(x.view(), views, draw);
    return std::inner_product(dh.begin(), dh.end(), y.embedding.data, 0.0) +
           std::inner_product(dz.begin(), dz.end(), y.projection.data, 0.0) +
           std::inner_product(dp.begin(), dp.end(), y.prediction.data, 0.0);
  };
  // A BatchNorm behind these takes whatever they add away.
  std::vector<std::string> vanishing = {"projector.0.bias", "projector.3.bias", "predictor.0.bias"};
  if (!seen.projection) vanishing.emplace_back("projector.4.bias");  // the predictor's first
  const std::span<double> weights(n.weights(), n.weight_list().size());
  const std::span<double> gradients(n.gradients(), weights.size());
  double largest = 0;
  for (const double g : gradients) largest = std::max(largest, std::abs(g));
  for (const auto& p : n.weight_list()) {
    INFO(p.name);
    if (std::find(vanishing.begin(), vanishing.end(), p.name) != vanishing.end()) {
      for (const double g : gradients.subspan(p.offset, p.size())) {
        CHECK(std::abs(g) < 1e-12 * largest);
      }
      continue;
    }
    // The middle of a convolution is its middle tap, which meets every pixel of any map.
    const std::size_t count = std::min<std::size_t>(p.size(), 16);
    const std::size_t first = p.offset + (p.size() - count) / 2;
    check_gradient(f, weights.subspan(first, count), gradients.subspan(first, count),
                   {1e-6, 1e-6, &choices, true});
  }
}

/// A step of the optimizer; the norm of the gradient.
template <class Network>
double step(Network& n, double rate, double predictor_rate) {
  double norm = 0;
  n.update(rate, predictor_rate, 0, &norm);
  return norm;
}

/// An online network that has seen a batch and moved.
template <class Network>
void train_once(Network& n) {
  const images x;
  const arena_frame scope(n.backend().arena());
  const auto p = n.forward(x.view(), all_views, {.record = true}).prediction;
  numbers dp = random_numbers(static_cast<std::int64_t>(p.size()), 9);
  n.zero_gradients();
  n.backward({.prediction = {p.shape, dp.data()}});
  step(n, 0.1, 0.1);
}

}  // namespace

static_assert(online::owns_weights && online::owns_gradients);
static_assert(momentum::owns_weights && !momentum::owns_gradients);
static_assert(!stop_gradient::owns_weights && !stop_gradient::owns_gradients);

// What a network does not own it does not offer.
template <class N>
concept has_gradients = requires(N& n) {
  n.gradients();
};
template <class N>
concept goes_backward = requires(N& n, tensor<double> dp) {
  n.backward({.prediction = dp});
};
template <class N>
concept can_be_written = requires(N& n) {
  { n.weights() } -> std::same_as<double*>;
};
template <class N>
concept initializes = requires(N& n) {
  n.initialize(1);
};
static_assert(has_gradients<online> && goes_backward<online> && can_be_written<online>);
static_assert(!has_gradients<momentum> && !goes_backward<momentum> && initializes<momentum>);
static_assert(!has_gradients<stop_gradient> && !can_be_written<stop_gradient> &&
              !initializes<stop_gradient>);

TEST_CASE("gradients flow through encoder, projector and predictor of whole images") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  check_network(n, all_views);
}

TEST_CASE("gradients flow from whichever outputs a loss looks at") {
  oracle b;
  const auto seen = GENERATE(seen_outputs{.projection = true, .prediction = false},
                             seen_outputs{.embedding = true, .prediction = false},
                             seen_outputs{.embedding = true, .projection = true});
  const bool patches = GENERATE(false, true);
  if (patches) {
    patched_online n(b, layers(), {}, patches::grid(2, {.k = 2}));
    n.initialize(1);
    check_network(n, std::array{0, 2}, {}, seen);
  } else {
    online n(b, layers());
    n.initialize(1);
    check_network(n, all_views, {}, seen);
  }
}

TEST_CASE("gradients flow through patches and the means of their subsets") {
  oracle b;
  const int k = GENERATE(1, 2, 4);
  patched_online n(b, layers(), {}, patches::grid(2, {.k = k}));
  n.initialize(1);
  check_network(n, std::array{0, 2});
}

TEST_CASE("gradients flow through the one subset that was drawn for each view") {
  oracle b;
  patched_online n(b, layers(), {}, patches::grid(2, {.k = 2, .one_at_random = true}));
  n.initialize(2);
  check_network(n, std::array{0, 1}, {.random = random_stream(1, stream::combine, 5)});
}

TEST_CASE("views run together as they run one by one, bit for bit") {
  oracle b;
  online together(b, layers()), apart(b, layers());
  together.initialize(1);
  apart.initialize(1);
  const numbers z = project(together, all_views);
  numbers one_by_one;
  for (const int v : all_views) {
    const numbers part = project(apart, std::array{v});
    one_by_one.insert(one_by_one.end(), part.begin(), part.end());
  }
  CHECK(z == one_by_one);
  const auto count = static_cast<std::ptrdiff_t>(together.statistic_list().size());
  CHECK(numbers(together.statistics(), together.statistics() + count) ==
        numbers(apart.statistics(), apart.statistics() + count));
}

TEST_CASE("views that are not adjacent are those that were asked for") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  const numbers z = project(n, std::array{2, 0});
  numbers each = project(n, std::array{2});
  const numbers first = project(n, std::array{0});
  each.insert(each.end(), first.begin(), first.end());
  CHECK(z == each);
}

TEST_CASE("patches of several views run together as they run view by view") {
  oracle b;
  online source(b, layers());
  source.initialize(1);
  stop_gradient n(b, layers().without_predictor());
  n.alias(source);
  const numbers c = project(n, std::array{0, 2});
  CHECK(c.size() == 2 * 6 * batch * 4);  // two views, six pairs, P = 4
  numbers each = project(n, std::array{0});
  const numbers third = project(n, std::array{2});
  each.insert(each.end(), third.begin(), third.end());
  CHECK(c == each);
}

TEST_CASE("recording changes no bit of a network's output") {
  oracle b;
  patched_online n(b, layers());
  n.initialize(1);
  CHECK(project(n, all_views) == project(n, all_views, {.record = true}));
}

TEST_CASE("a stop-gradient network reads the online weights as they are now") {
  oracle b;
  online source(b, layers());
  source.initialize(1);
  stop_gradient n(b, layers().without_predictor());
  n.alias(source);
  CHECK(n.weights() == source.weights());
  const numbers before = project(n, std::array{0});
  train_once(source);
  const numbers after = project(n, std::array{0});
  CHECK(before != after);
  // And what it computes is what a network with these weights of its own computes.
  network<oracle, update::ema, patches::grid> copy(b, layers().without_predictor());
  copy.copy_weights(source);
  CHECK(project(copy, std::array{0}) == after);
}

TEST_CASE("a momentum network is a copy that moves by its share of the way") {
  oracle b;
  online source(b, layers());
  source.initialize(1);
  momentum n(b, layers().without_predictor(), {0.75});
  n.copy_weights(source);
  const numbers start = weights_of(n);
  CHECK(std::equal(start.begin(), start.end(), source.weights()));
  CHECK(start.size() == source.predictor_begin());
  train_once(source);
  CHECK((weights_of(n) == start));
  n.update(source, 0);
  for (std::size_t i = 0; i < start.size(); ++i) {
    CHECK(n.weights()[i] == Approx(0.75 * start[i] + 0.25 * source.weights()[i]).margin(1e-15));
  }
}

TEST_CASE("backward adds to the gradients until they are zeroed") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  const images x;
  const auto add = [&] {
    const arena_frame scope(b.arena());
    const auto p = n.forward(x.view(), all_views, {.record = true}).prediction;
    numbers dp(p.size(), 1);
    dp[0] = 3;
    n.backward({.prediction = {p.shape, dp.data()}});
    return numbers(n.gradients(), n.gradients() + n.weight_list().size());
  };
  const numbers once = add(), twice = add();
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == Approx(2 * once[i]).margin(1e-9));
  n.zero_gradients();
  CHECK(std::all_of(n.gradients(), n.gradients() + once.size(), [](double g) { return g == 0; }));
}

TEST_CASE("an update moves the predictor at its own rate and reports the gradient's norm") {
  oracle b;
  online n(b, layers(), {.optimizer = {.momentum = 0, .weight_decay = 0}});
  n.initialize(1);
  const std::size_t size = n.weight_list().size(), predictor = n.predictor_begin();
  std::fill_n(n.gradients(), size, 2.0);
  const numbers before = weights_of(n);
  CHECK(step(n, 0.5, 0.25) == Approx(2 * std::sqrt(static_cast<double>(size))));
  for (std::size_t i = 0; i < size; ++i) {
    CHECK(n.weights()[i] == before[i] - (i < predictor ? 1 : 0.5));
  }
}

TEST_CASE("a clipped update is as long as its bound") {
  oracle b;
  online n(b, layers(), {.optimizer = {.momentum = 0, .weight_decay = 0}, .clip_norm = 0.5});
  n.initialize(1);
  const std::size_t size = n.weight_list().size();
  std::fill_n(n.gradients(), size, 2.0);
  const numbers before = weights_of(n);
  step(n, 1, 1);
  double moved = 0;
  for (std::size_t i = 0; i < size; ++i) moved += std::pow(n.weights()[i] - before[i], 2);
  CHECK(std::sqrt(moved) == Approx(0.5).epsilon(1e-5));
}

TEST_CASE("an update of gradients that are not finite names a tensor and touches no weight") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  n.zero_gradients();
  std::size_t at = 0;
  for (const auto& p : n.weight_list()) {
    if (p.name == "encoder.layer2.0.conv1.weight") at = p.offset + 3;
  }
  n.gradients()[at] = std::numeric_limits<double>::quiet_NaN();
  const numbers before = weights_of(n);
  CHECK(std::isnan(step(n, 0.1, 0.1)));
  CHECK(*b.gate() == 0);
  CHECK((weights_of(n) == before));
  const error said = n.gradient_error();
  CHECK(said.kind() == error_kind::non_finite);
  CHECK(std::string(said.what()).find("encoder.layer2.0.conv1.weight") != std::string::npos);
}

TEST_CASE("statistics are a network's own unless it shares a peer's") {
  oracle b;
  online source(b, layers());
  source.initialize(1);
  stop_gradient own(b, layers().without_predictor()), shared(b, layers().without_predictor());
  own.alias(source);
  shared.alias(source);
  shared.share_statistics(source);
  const double before = source.statistics()[0];
  static_cast<void>(project(own, std::array{0}));
  CHECK(source.statistics()[0] == before);
  CHECK(own.statistics()[0] != before);
  CHECK_FALSE(own.shares_statistics());
  static_cast<void>(project(shared, std::array{0}));
  CHECK(source.statistics()[0] == own.statistics()[0]);
  CHECK(shared.shares_statistics());
}

TEST_CASE("an embedding is the encoder's in evaluation mode, image by image") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  static_cast<void>(project(n, all_views));
  const images x;
  const arena_frame scope(b.arena());
  const numbers all = copy_of(n.embed(x.view()));
  const numbers fifth = copy_of(n.embed(x.view().images(5, 1)));
  const std::ptrdiff_t d = n.architecture().encoder.out();
  CHECK(fifth == numbers(all.begin() + 5 * d, all.begin() + 6 * d));
}

TEST_CASE("networks refuse images that the grid cannot cut") {
  oracle b;
  patched_online n(b, layers(), {}, patches::grid(5));
  n.initialize(1);
  const auto thrown = thrown_by([&] { static_cast<void>(project(n, std::array{0})); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("cannot be cut 5 x 5"));
  CHECK(thrown.says("divisible by the grid"));
}

TEST_CASE("networks refuse to go backward where nothing was recorded") {
  oracle b;
  online n(b, layers());
  n.initialize(1);
  numbers dp(static_cast<std::size_t>(batch) * 4);
  const auto backward = [&] { n.backward({.prediction = {features(batch, 4), dp.data()}}); };
  CHECK(thrown_by(backward).says(".record = true"));
  static_cast<void>(project(n, std::array{0}));
  CHECK(thrown_by(backward).kind == error_kind::usage);
  train_once(n);
  CHECK(thrown_by(backward).kind == error_kind::usage);  // each recording serves once
}

TEST_CASE("networks refuse peers of another architecture") {
  oracle b;
  online other(b, layers(3));
  other.initialize(1);
  momentum m(b, layers().without_predictor());
  stop_gradient s(b, layers().without_predictor());
  const numbers before = weights_of(m);
  for (const auto& thrown :
       {thrown_by([&] { m.copy_weights(other); }), thrown_by([&] { m.update(other, 0); }),
        thrown_by([&] { s.alias(other); })}) {
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says("build both from one architecture"));
  }
  CHECK((weights_of(m) == before));
  // A peer without the predictor that this network has is too short.
  online whole(b, layers());
  CHECK(thrown_by([&] { whole.copy_weights(m); }).kind == error_kind::usage);
}
