// Steps that nobody looks at: the bits of those that are read, nothing of them on the host, and no
// weight moved by one that is not finite.
#include TRIPTYCH_UNDER_TEST

#include <triptych/backend/reference.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/moco.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/train/trainer.hpp>
#include <triptych/update/optimizer/any.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "device/present.hpp"
#include "device/small_method.hpp"
#include "device/small_plan.hpp"
#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

static_assert(device::defers);

namespace {

/// The host's emulation counts looks and graphs.
template <class B>
concept Counting = requires(B& b) {
  b.system().downloads();
};
constexpr bool counted = Counting<device>;

/// How often the host has looked, where that is counted.
template <class B>
std::int64_t looks(B& b) {
  if constexpr (Counting<B>) return b.system().downloads();
  return 0;
}
/// How many graphs were launched, where that is counted.
template <class B>
std::int64_t graphs(B& b) {
  if constexpr (Counting<B>) return b.system().graphs();
  return 0;
}

enum class launches { one_by_one, as_graph };

/// Step `number` without a look; `spoil` puts a NaN into its images.
template <class Options>
void launch(small_method<device, Options>& m, std::int64_t number, bool spoil = false,
            launches how = launches::one_by_one) {
  auto x = m.images(number);
  if (spoil) x[7] = std::nan("");
  const device_array<device> images(m.backend, x);
  const auto step = [&] {
    m.method.step({m.all_views, images.data()}, {.step = number,
                                                 .learning_rate = 0.05,
                                                 .predictor_learning_rate = 0.05,
                                                 .seed = 1,
                                                 .read = false});
  };
  if (how == launches::as_graph) {
    m.backend.as_graph(step);
  } else {
    step();
  }
}

}  // namespace

TEMPLATE_TEST_CASE("steps without a look give the bits of those that are read", "",
                   method::moco_options, method::simclr_options, method::mncl_options) {
  if (!present()) return;
  small_method<device, TestType> read, unread;
  method::step_report last;
  for (int i = 0; i < 3; ++i) last = read.step(i);
  const std::int64_t before = looks(unread.backend);
  for (int i = 0; i < 3; ++i) launch(unread, i);
  CHECK(looks(unread.backend) == before);
  const method::step_status found = unread.method.synchronize();
  CHECK(found.finite);
  CHECK(found.finite_steps == 3);
  CHECK(found.last.loss == last.loss);
  CHECK(found.last.terms == last.terms);
  CHECK(found.last.gradient_norm == last.gradient_norm);
  CHECK((unread.state() == read.state()));
  CHECK(unread.method.synchronize().finite_steps == 0);
}

// The first of them too, which makes the arena grow while it is recorded. The queue of 20 rows ends
// within the third batch of 8, so that graphs differ from one step to the next.
TEMPLATE_TEST_CASE("steps as graphs give the bits of those launched one by one", "",
                   method::moco_options, method::simclr_options, method::mncl_options) {
  if (!present()) return;
  small_method<device, TestType> singly, whole;
  for (int i = 0; i < 5; ++i) {
    launch(singly, i);
    // On a GPU libraries make ready in the first step, as in a trainer's.
    launch(whole, i, false, i > 0 || counted ? launches::as_graph : launches::one_by_one);
  }
  const method::step_status expected = singly.method.synchronize(),
                            found = whole.method.synchronize();
  CHECK(found.finite_steps == 5);
  CHECK(found.last.loss == expected.last.loss);
  CHECK(found.last.gradient_norm == expected.last.gradient_norm);
  CHECK(whole.method.counters() == singly.method.counters());
  CHECK((whole.state() == singly.state()));

  launch(whole, 5, true, launches::as_graph);  // not finite
  CHECK((weights_and_queue(whole.method) == weights_and_queue(singly.method)));
  CHECK_FALSE(whole.method.synchronize().finite);
}

TEST_CASE("a graph that looks at its own numbers is refused, and nothing of it was launched") {
  if (!present()) return;
  device b;
  const device_array<device> x(b, {1, 2, 3});
  const auto thrown = thrown_by([&] {
    b.as_graph([&] {
      b.scale(2, 3, x);
      static_cast<void>(b.sum_of_squares(x, 3));
    });
  });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("looks at a number of its own"));
  CHECK(b.sum_of_squares(x, 3) == 14);

  std::vector<float> host{5, 6, 7};
  CHECK(thrown_by([&] { b.as_graph([&] { b.as_graph([] {}); }); }).kind == error_kind::usage);
  b.as_graph([&] {
    b.upload(host.data(), host.size(), x);
    host.assign(3, 0);  // what was uploaded has left it
    b.scale(2, 3, x);
  });
  CHECK(b.sum_of_squares(x, 3) == 4 * (25 + 36 + 49));
}

TEST_CASE("a trainer makes the same steps with and without graphs") {
  if (!present()) return;
  const auto set = data::procedural_images(64, 1, 0);
  const auto trained = [&](bool graph) {
    small_method<device, method::mncl_options> m;
    auto plan = small_plan(3, 1, 8);
    plan.monitor_every = 5;
    plan.read_every = 3;
    plan.graph = graph;
    train::trainer<device> trainer(m.method, set, plan);
    while (!trainer.done()) trainer.advance();
    if (counted)
      CHECK(graphs(m.backend) == (graph ? 6 : 0));  // of eight all but the first and fifth
    auto numbers = m.state();
    numbers.push_back(trainer.report().loss);
    return numbers;
  };
  CHECK((trained(true) == trained(false)));
}

// Norms never come to the host, and the step is that of a backend that reads them.
TEST_CASE("clipping and LARS take their norms where they are") {
  if (!present()) return;
  using update::optimizer::lars, update::optimizer::lars_rule, update::optimizer::sgd;
  const auto step = [](auto& b, const auto& optimizer, auto scale_of) {
    using real = typename std::remove_cvref_t<decltype(b)>::real;
    nn::parameter_list list;
    list.add({"w", {30, 40}});
    list.add({"bias", {40}});
    const std::size_t n = list.size();
    const auto count = static_cast<std::int64_t>(n);
    const device_array weights(b, random_numbers(count, 1)), gradient(b, random_numbers(count, 2)),
        state(b, random_numbers(count, 3)), squares(b, std::vector<double>(n, 0.1));
    real* const buffers[] = {state.data(), squares.data()};
    const update::optimizer::any chosen{optimizer};
    for (int i = 0; i < 2; ++i) {
      chosen.step(b, list, {0, n, 0.3, i}, scale_of(b, gradient.data(), n),
                  static_cast<const real*>(gradient.data()),
                  update::optimizer::state_of<std::remove_cvref_t<decltype(b)>>(buffers),
                  weights.data());
    }
    std::vector<double> all;
    weights.append_to(all);
    state.append_to(all);
    squares.append_to(all);
    return all;
  };
  for (const double limit : {0.0, 3.0}) {
    const auto check = [&](const auto& optimizer) {
      device b;
      backend::reference<float> oracle;
      const device_array<device> norm(b, {0}), scale(b, {0});
      const auto there = [&](device& d, const float* gradient, std::size_t n) {
        d.norm(gradient, n, norm);
        d.clip(limit, norm, scale);
        return static_cast<const float*>(scale.data());
      };
      float clipped = 0;
      const auto here = [&](auto& r, const float* gradient, std::size_t n) -> const float* {
        clipped = static_cast<float>(
            kernels::clip_scale(limit, std::sqrt(r.sum_of_squares(gradient, n))));
        return &clipped;
      };
      const auto expected = step(oracle, optimizer, here);
      const auto found = step(b, optimizer, there);
      if (counted) CHECK(looks(b) == 3);  // the arrays at the end
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (!(std::abs(found[i] - expected[i]) <= 2e-6 * (1 + std::abs(expected[i])))) {
          FAIL("number " << i << " is " << found[i] << ", not " << expected[i]);
        }
      }
    };
    check(sgd{});
    check(update::optimizer::adamw{});
    for (const auto rule :
         {lars_rule::after_momentum, lars_rule::scale_gradient, lars_rule::skip_without_decay}) {
      check(lars{.weight_decay = 0.01, .trust_coefficient = 0.1, .rule = rule});
      check(lars{.weight_decay = 0.01, .trust_coefficient = 0.1, .rule = rule, .vectors = false});
    }
  }
}

TEMPLATE_TEST_CASE("neither a step that is not finite nor one after it moves a weight", "",
                   method::moco_options, method::mncl_options) {
  if (!present()) return;
  small_method<device, TestType> m;
  launch(m, 0);
  launch(m, 1);
  const auto sound = weights_and_queue(m.method);
  launch(m, 2, true);
  launch(m, 3);
  CHECK((weights_and_queue(m.method) == sound));
  const method::step_status found = m.method.synchronize();
  CHECK_FALSE(found.finite);
  CHECK(found.finite_steps == 2);
  launch(m, 4);  // the gate is open again
  CHECK(m.method.synchronize().finite);
  CHECK((weights_and_queue(m.method) != sound));

  launch(m, 5, true);
  const auto thrown = thrown_by([&] { m.step(6); });
  CHECK(thrown.kind == error_kind::non_finite);
  CHECK(thrown.says("a step before step 7 was not finite"));
}

TEST_CASE("a gradient that is not finite moves no weight, whatever the loss was") {
  if (!present()) return;
  small_method<device, method::simclr_options> m;
  launch(m, 0);
  CHECK(m.method.synchronize().finite);
  auto& online = m.method.online();
  const auto before = m.weights();
  const device_array<device> norm(m.backend, {0});
  online.zero_gradients();
  const float spoilt = std::numeric_limits<float>::infinity();
  m.backend.upload(&spoilt, 1, online.gradients() + 40);
  online.update(0.1, 0.1, 0, norm);
  CHECK((m.weights() == before));
  float gate = 1;
  m.backend.download(m.backend.gate(), 1, &gate);
  CHECK(gate == 0);
}

// The neighbors of projections that are NaN are rows of the queue as any, so the losses are finite.
TEST_CASE("projections that are not finite move no weight, whatever the loss is") {
  if (!present()) return;
  small_method<device, method::mncl_options> m;
  launch(m, 0);
  CHECK(m.method.synchronize().finite);
  const float spoilt = std::nanf("");
  m.backend.upload(&spoilt, 1, m.method.momentum().weights());
  const auto online = m.weights();
  launch(m, 1);
  const method::step_status found = m.method.synchronize();
  CHECK_FALSE(found.finite);
  CHECK(found.finite_steps == 0);
  CHECK(std::isfinite(found.last.loss));
  CHECK((m.weights() == online));
}

TEST_CASE(
    "a trainer that looks now and then names the step and the tensor, as one that always looks") {
  if (!present()) return;
  const auto set = data::procedural_images(64, 1, 0);
  const auto failed = [&](int read_every) {
    small_method<device, method::mncl_options> m;
    auto plan = small_plan(3, 4, 8);
    plan.learning_rate = 1e12;
    plan.monitor_every = 0;
    plan.read_every = read_every;
    train::trainer<device> trainer(m.method, set, plan);
    const auto thrown = thrown_by([&] {
      while (!trainer.done()) trainer.advance();
      trainer.report();
    });
    return thrown.sentence + ", at step " + std::to_string(trainer.step());
  };
  const std::string always = failed(1);
  INFO(always);
  CHECK(always.starts_with("step "));
  CHECK(failed(5) == always);
}

TEST_CASE("the gate closes for one number that is not finite, wherever it stands, and holds") {
  if (!present()) return;
  device b;
  const auto open = [&] {
    float gate = -1;
    b.download(b.gate(), 1, &gate);
    return gate == 1;
  };
  CHECK(open());
  auto x = random_numbers(70000, 1);
  b.close_gate_unless_finite(device_array(b, x), x.size());
  CHECK(open());
  for (const std::size_t at : {std::size_t{0}, std::size_t{16384}, x.size() - 1}) {
    auto spoilt = x;
    spoilt[at] = at == 0 ? std::nan("") : -std::numeric_limits<double>::infinity();
    b.close_gate_unless_finite(device_array(b, spoilt), spoilt.size());
    CHECK_FALSE(open());
    b.close_gate_unless_finite(device_array(b, x), x.size());
    CHECK_FALSE(open());

    const device_array<device> from(b, {1, 2}), to(b, {5, 6});
    b.commit(from, 2, to);
    b.interpolate(0.5f, from, 2, to);
    b.commit_each(2, kernels::copy<float>{from, to});
    b.sgd(2, from, 1, 0, 0, from.data(), to, to);
    b.lars(2, update::optimizer::lars{}.trust(), from, 1, 0, from, to, to);
    std::vector<double> kept;
    to.append_to(kept);
    CHECK(kept == std::vector<double>{5, 6});
    b.open_gate();
    b.commit(from, 2, to);
    kept.clear();
    to.append_to(kept);
    CHECK(kept == std::vector<double>{1, 2});
  }
  const device_array<device> norm(b, {0});
  b.norm(device_array(b, {3, -4, 12}), 3, norm);
  std::vector<double> found;
  norm.append_to(found);
  CHECK(found[0] == Approx(13));
}
