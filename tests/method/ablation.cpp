// mncl without one of its branches: what is not there costs nothing and is not saved.
#include <triptych/method/mncl.hpp>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <triptych/backend/reference.hpp>

#include "method/small.hpp"
#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

using float_oracle = backend::reference<float>;

struct momentum_alone : method::mncl_policies {
  static constexpr bool local_branch = false;
};
struct patches_alone : method::mncl_policies {
  static constexpr bool global_branch = false;
};

template <class M>
concept has_momentum = requires(M& m) {
  m.momentum();
};
template <class M>
concept has_queue = requires(M& m) {
  m.queue();
};
template <class M>
concept has_stop_gradient = requires(M& m) {
  m.stop_gradient();
};

template <class Policies>
using method_of = method::mncl<float_oracle, Policies>;

static_assert(has_momentum<method_of<momentum_alone>> && has_queue<method_of<momentum_alone>>);
static_assert(!has_stop_gradient<method_of<momentum_alone>>);
static_assert(!has_momentum<method_of<patches_alone>> && !has_queue<method_of<patches_alone>>);
static_assert(has_stop_gradient<method_of<patches_alone>>);

using names = std::vector<std::string>;

/// The views that the online network sees.
template <class Policies>
std::set<std::string> predictions() {
  small_mncl<float_oracle, Policies> m;
  std::set<std::string> seen;
  const shape s{24, 16, 16, 3, 3};
  const device_array<float_oracle> x(m.backend,
                                     random_numbers(static_cast<std::int64_t>(s.size()), 1));
  method::trace<float> watch;
  watch.on_tensor = [&](const std::string& name, tensor<const float> t) {
    if (name.starts_with("p/")) seen.insert(name);
    REQUIRE(t.shape.images > 0);
  };
  static_cast<void>(m.method.step({s, x.data()}, {}, watch));
  return seen;
}

/// Loss at the first and after some steps on the same images.
template <class Policies>
void check_learning() {
  small_mncl<float_oracle, Policies> m(1, 2, 0.2);
  const double first = m.step(0, 1).loss;
  double last = first;
  for (int i = 1; i < 12; ++i) last = m.step(i, 1).loss;
  INFO(first << " to " << last);
  CHECK(last < 0.85 * first);
  CHECK(std::isfinite(last));
}

}  // namespace

TEST_CASE("mncl learns with both branches and with either") {
  SECTION("both") { check_learning<method::mncl_policies>(); }
  SECTION("momentum branch alone") { check_learning<momentum_alone>(); }
  SECTION("local branch alone") { check_learning<patches_alone>(); }
}

TEST_CASE("a branch that is left out has no part in the loss and none in its expectation") {
  small_mncl<float_oracle, momentum_alone> global(1, 2);
  small_mncl<float_oracle, patches_alone> local(1, 2);
  const auto m = global.step(0, 1), s = local.step(0, 1);
  CHECK(m.loss == 6 * m.terms[0]);
  CHECK(m.terms[1] == 0);
  CHECK(s.loss == s.terms[1]);
  CHECK(s.terms[0] == 0);
  CHECK(global.method.expected_initial_loss(8) == Approx(6 * std::log(8)));
  CHECK(local.method.expected_initial_loss(8) == Approx(std::log(8)));
}

TEST_CASE("the online network sees the views that its branches need") {
  CHECK(predictions<method::mncl_policies>() == std::set<std::string>{"p/1", "p/2", "p/3"});
  CHECK(predictions<momentum_alone>() == std::set<std::string>{"p/1", "p/2"});
  CHECK(predictions<patches_alone>() == std::set<std::string>{"p/1", "p/3"});
}

TEST_CASE("the state of a method is that of the branches that it has") {
  CHECK(small_mncl<float_oracle>().parts() ==
        names{"online.", "momentum_buffer.online.", "momentum.", "", "stop_gradient."});
  CHECK(small_mncl<float_oracle, momentum_alone>().parts() ==
        names{"online.", "momentum_buffer.online.", "momentum.", ""});
  CHECK(small_mncl<float_oracle, patches_alone>().parts() ==
        names{"online.", "momentum_buffer.online.", "stop_gradient."});
}

TEST_CASE("the seed decides every initial number") {
  small_mncl<float_oracle> a(1, 2), b(1, 2);
  CHECK((a.state() == b.state()));
  for (int i = 0; i < 2; ++i) CHECK(a.step(i, 3).loss == b.step(i, 3).loss);
  CHECK((a.state() == b.state()));
}

TEST_CASE("an independent momentum network starts elsewhere, and a copy starts alike") {
  const auto differs = [](method::momentum_init start) {
    float_oracle b;
    method::mncl_options o;
    o.queue = 4;
    o.momentum_init = start;
    method::mncl<float_oracle> m(b, small_mncl<float_oracle>::layers(2), o, 1);
    return m.online().weights()[0] != m.momentum().weights()[0];
  };
  CHECK_FALSE(differs(method::momentum_init::copy));
  CHECK(differs(method::momentum_init::independent));
}
