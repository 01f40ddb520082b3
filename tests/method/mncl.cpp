// Whole training steps of mncl against an independent implementation (tests/golden/mncl.py), each
// switch by itself, and which loss term reaches which tensor.
#include <triptych/method/mncl.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "method/golden_step.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

method::mncl_options options_of(const json& c) {
  using namespace method;
  mncl_options o;
  o.temperature = c.at("temperature");
  o.lambda = c.at("lambda");
  o.lambda_s = c.at("lambda-s");
  o.queue = c.at("queue");
  if (c.contains("global-target")) {
    o.global_target = one_of<global_target>(
        c, "global-target",
        {{"neighbor", global_target::neighbor}, {"projection", global_target::projection}});
  }
  o.local_gradient = c.at("local-gradient") == "on";
  o.local_anchor = one_of<loss::anchor>(
      c, "local-anchor",
      {{"target", loss::anchor::target}, {"prediction", loss::anchor::prediction}});
  o.global_loss = one_of<global_loss>(
      c, "global-loss", {{"infonce", global_loss::info_nce}, {"ntxent", global_loss::nt_xent}});
  o.ema_timing = one_of<ema_timing>(
      c, "ema-timing", {{"after", ema_timing::after_step}, {"before", ema_timing::before_forward}});
  o.patch_statistics = one_of<patch_statistics>(
      c, "patch-statistics",
      {{"own", patch_statistics::own}, {"online", patch_statistics::online}});
  o.enqueue = one_of<enqueue>(c, "enqueue",
                              {{"z1", enqueue::z1}, {"z2", enqueue::z2}, {"both", enqueue::both}});
  return o;
}

template <class Policies = method::mncl_policies>
method::mncl<oracle, Policies> mncl_of(const golden_step& g, oracle& b,
                                       typename Policies::patches patches) {
  return {b, g.layers(), options_of(g.config), 1, g.values<Policies>(std::move(patches))};
}
method::mncl<oracle> mncl_of(const golden_step& g, oracle& b) { return mncl_of(g, b, g.patches()); }

/// What `combine = random` took in the golden cases: of the six pairs the second for view 1 and the
/// fifth for view 3.
struct two_pairs {
  static int side() { return 2; }
  static int combinations() { return 1; }
  static int size() { return 2; }
  static void subsets(int, random_stream, std::vector<int>& table) { table = {0, 2, 1, 3}; }
};
struct random_case : method::mncl_policies {
  using patches = two_pairs;
};

/// The dump of a golden step.
tensors mncl_step(const golden_step& g) {
  oracle b;
  const auto step = [&](auto&& m) {
    g.load(m);
    return g.run(m, g.images());
  };
  if (g.config.at("combine") == "random") return step(mncl_of<random_case>(g, b, {}));
  return step(mncl_of(g, b));
}

/// The gradients of one loss alone, on the given images.
tensors gradients_of(golden_step g, const std::string& term, const std::vector<double>& images) {
  g.config[term == "loss_m" ? "lambda-s" : "lambda"] = 0.0;
  g.config[term == "loss_m" ? "lambda" : "lambda-s"] = 1.0;
  oracle b;
  auto m = mncl_of(g, b);
  g.load(m);
  return gradients_in(g.run(m, images));
}

}  // namespace

TEST_CASE("three consecutive steps of mncl agree with an independent implementation") {
  const std::string variant = GENERATE("paper", "released");
  const auto name = [&](int step) {
    return "mncl_" + variant + "_step" + std::to_string(step) + ".safetensors";
  };
  oracle b;
  const golden_step first(name(1));
  auto m = mncl_of(first, b);
  first.load(m);
  for (int step = 1; step <= 3; ++step) {
    INFO(variant << ", step " << step);
    const golden_step g(name(step));
    const auto ours = g.run(m, g.images());
    for (const auto& [tensor, values] : g.all) {
      INFO(tensor);
      REQUIRE(ours.count(tensor) == 1);
      CHECK(error_of(ours.at(tensor), values) < (tensor.starts_with("loss/") ? 1e-10 : 1e-8));
    }
  }
}

TEST_CASE("each switch by itself does what an independent implementation does") {
  const golden_step paper("mncl_paper_step3.safetensors");
  const json golden = read_json("switches.json");
  for (const auto& expected : golden.at("cases")) {
    INFO(expected.at("change").dump());
    golden_step g = paper;
    g.config.update(expected.at("change"));
    const auto ours = mncl_step(g);
    const auto sum = [&](const std::string& name) { return sum_of(ours.at(name)); };
    const auto check = [&](const char* what, double value) {
      INFO(what);
      CHECK(value == Approx(expected.at(what).get<double>()).epsilon(1e-8).margin(1e-12));
    };
    check("loss_m", sum("loss/m"));
    check("loss_s", sum("loss/s"));
    check("total", sum("loss/total"));
    check("gradient_norm", sum("gradient norm"));
    check("moved_online_encoder", moved(ours, "online.encoder.", false));
    check("moved_online_predictor", moved(ours, "online.predictor.", false));
    check("moved_online_statistics", moved(ours, "online.", true));
    check("moved_momentum", moved(ours, "momentum.", false));
    check("moved_stop_gradient_statistics", moved(ours, "stop_gradient.", true));
    check("queue_sum", sum("queue/after"));
  }
}

TEST_CASE("each loss term reaches the tensors that it should and no others") {
  const std::string variant = GENERATE("paper", "released");
  const std::string term = GENERATE("loss_m", "loss_s");
  INFO(variant << ", " << term);
  const golden_step g("mncl_" + variant + "_step3.safetensors");
  const json expected = read_json("gradient_reach.json").at(variant).at(term);
  const auto gradients = gradients_of(g, term, g.images());
  check_reach(gradients, expected);

  // A prediction that carries no gradient leaves none of its view in the gradients. (The targets
  // see views, too, but not the one that is left out: 3 in loss_m, 2 in loss_s.)
  for (std::size_t view = 1; view <= 3; ++view) {
    auto images = g.images();
    const std::size_t length = images.size() / 3;
    for (std::size_t i = (view - 1) * length; i < view * length; ++i)
      images[i] *= 0.5 + 1e-6 * static_cast<double>(i);
    const bool reached = expected.at("predictions").at("p" + std::to_string(view)).get<bool>();
    INFO("view " << view);
    CHECK((gradients_of(g, term, images) == gradients) == !reached);
  }
}

TEST_CASE("the first losses to expect are those of the method's description") {
  oracle b;
  const nn::architecture<> tiny(nn::resnet({.width = 1, .blocks = {1, 1, 1, 1}}), {{4}, 2});
  method::mncl_options o;
  o.queue = 4;
  CHECK(method::mncl<oracle>(b, tiny, o, 1).expected_initial_loss(256) ==
        Approx(38.8).margin(0.05));
  o.global_loss = method::global_loss::nt_xent;
  CHECK(method::mncl<oracle>(b, tiny, o, 1).expected_initial_loss(256) ==
        Approx(42.96).margin(0.005));
  o.lambda = 0;
  CHECK(method::mncl<oracle>(b, tiny, o, 1).expected_initial_loss(256) == Approx(std::log(256.0)));
}

TEST_CASE("a batch with NaN, or weights with NaN, stop the step by name and change nothing") {
  const golden_step g("mncl_paper_step1.safetensors");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  oracle b;
  auto m = mncl_of(g, b);
  g.load(m);
  auto& online = m.online();
  const auto weights = [&] {
    return std::vector<double>(online.weights(), online.weights() + online.weight_list().size());
  };
  const auto before = weights();
  const auto counters = m.counters();
  for (std::size_t view = 0; view < 3; ++view) {
    auto images = g.images();
    images[view * images.size() / 3 + 5] = nan;
    const auto thrown = thrown_by([&] { static_cast<void>(g.run(m, images)); });
    CHECK(thrown.kind == error_kind::non_finite);
    CHECK(thrown.says("an input image holds NaN"));
    CHECK((weights() == before));
    CHECK(m.counters() == counters);
  }
  g.load(m);  // running statistics took the NaN in
  for (const auto& p : online.weight_list()) {
    if (p.name == "projector.3.weight") online.weights()[p.offset] = nan;
  }
  const auto thrown = thrown_by([&] { static_cast<void>(g.run(m, g.images())); });
  CHECK(thrown.kind == error_kind::non_finite);
  CHECK(thrown.says("online.projector.3.weight holds NaN"));
}
