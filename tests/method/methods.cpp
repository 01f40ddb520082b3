// The methods beside MNCL: whole steps against an independent implementation
// (tests/golden/methods.py), which loss term reaches which tensor, and each one's conventions.
#include <triptych/method/all.hpp>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <triptych/update/optimizer/adamw.hpp>

#include "method/golden_step.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// All but MNCL, which has golden steps of its own (mncl.cpp).
const std::vector<std::string> compared_methods = [] {
  std::vector<std::string> others(method::all::names.begin(), method::all::names.end());
  std::erase(others, method::mncl_options::about.name);
  return others;
}();

struct with_adamw : method::mncl_policies {
  using online_update = update::backprop<update::optimizer::adamw>;
};

/// The method that the golden file's configuration describes.
template <class Options, class Policies = method::mncl_policies>
std::unique_ptr<method::learner<oracle>> make(const golden_step& g, oracle& b) {
  Options o;
  const json& c = g.config;
  if constexpr (requires { o.temperature; }) o.temperature = c.at("temperature");
  if constexpr (requires { o.queue; }) o.queue = c.at("queue");
  if constexpr (requires { o.symmetric; }) {
    o.symmetric = c.at("symmetric") == "on";
    o.bn_splits = c.at("bn-splits");
    o.shuffle = false;
  }
  if constexpr (requires { o.redundancy_weight; }) o.redundancy_weight = c.at("redundancy-weight");
  if constexpr (requires { o.neighbors; }) o.neighbors = c.at("neighbors");
  if constexpr (requires { o.prototypes; }) {
    o.prototypes = c.at("prototypes");
    o.sinkhorn_epsilon = c.at("sinkhorn-epsilon");
    o.sinkhorn_iterations = c.at("sinkhorn-iterations");
    o.freeze_prototypes = c.at("freeze-prototypes");
  }
  return std::make_unique<typename Options::template method<oracle, Policies>>(
      b, g.layers(), o, 1, g.values<Policies>(g.patches()));
}

std::unique_ptr<method::learner<oracle>> compared_method(const golden_step& g, oracle& b) {
  std::unique_ptr<method::learner<oracle>> made;
  method::all::find(g.config.at("method").get<std::string>(),
                    [&]<class Options>() { made = make<Options>(g, b); });
  return made;
}

golden_step golden(const std::string& name) {
  return golden_step("methods_" + name + ".safetensors");
}

/// Without BatchNorm the projector's linear layers stand at 0, 2, 4 of nn.Sequential; the golden
/// state has them at 0, 3, 6.
void rename_linear_layers(golden_step& g) {
  for (const auto& [from, to] :
       {std::pair{".projector.3.", ".projector.2."}, std::pair{".projector.6.", ".projector.4."}}) {
    tensors renamed;
    for (auto& [name, values] : g.all) {
      const auto at = name.find(from);
      auto other = name;
      if (at != name.npos) other.replace(at, std::string(from).size(), to);
      renamed[other] = std::move(values);
    }
    g.all = std::move(renamed);
  }
}

tensors compared_step(const golden_step& g) {
  oracle b;
  const auto m = compared_method(g, b);
  g.load(*m);
  return g.run(*m, g.images());
}

void check_step(const golden_step& g, const tensors& ours) {
  for (const auto& [tensor, values] : g.all) {
    INFO(tensor);
    REQUIRE(ours.count(tensor) == 1);
    CHECK(error_of(ours.at(tensor), values) < (tensor.starts_with("loss/") ? 1e-10 : 1e-8));
  }
  for (const auto& [tensor, values] : ours) {
    INFO(tensor);
    CHECK((tensor == "gradient norm" || g.all.count(tensor) == 1));
  }
}

}  // namespace

TEST_CASE("a step of every compared method agrees with an independent implementation") {
  const std::string name = GENERATE(from_range(compared_methods));
  INFO(name);
  const golden_step g = golden(name);
  check_step(g, compared_step(g));
}

TEST_CASE("a step of AdamW, its third, agrees with an independent implementation") {
  const golden_step g = golden("simsiam_adamw");
  oracle b;
  const auto m = make<method::simsiam_options, with_adamw>(g, b);
  g.load(*m);
  check_step(g, g.run(*m, g.images()));
}

TEST_CASE("a step with an encoder of bottleneck blocks agrees with an independent implementation") {
  const golden_step g = golden("simclr_bottleneck");
  check_step(g, compared_step(g));
}

TEST_CASE("every variant of a compared method does what an independent implementation does") {
  const json golden_variants = read_json("methods_variants.json");
  for (const auto& expected : golden_variants.at("cases")) {
    INFO(expected.at("method") << " " << expected.at("change").dump());
    golden_step g = golden(expected.at("method"));
    g.config.update(expected.at("change"));
    if (g.config.at("head-norm") == "none") rename_linear_layers(g);
    const auto ours = compared_step(g);
    const auto check = [&](const char* what, double value) {
      if (!expected.contains(what)) return;
      INFO(what);
      CHECK(value == Approx(expected.at(what).get<double>()).epsilon(1e-8).margin(1e-12));
    };
    const auto sum = [&](const std::string& name) {
      return ours.count(name) > 0 ? sum_of(ours.at(name)) : 0.0;
    };
    for (const char* loss : {"1", "2", "invariance", "redundancy", "total"}) {
      check(("loss_" + std::string(loss)).c_str(), sum("loss/" + std::string(loss)));
    }
    check("gradient_norm", sum("gradient norm"));
    check("moved_online_encoder", moved(ours, "online.encoder.", false));
    check("moved_online_projector", moved(ours, "online.projector.", false));
    check("moved_online_predictor", moved(ours, "online.predictor.", false));
    check("moved_online_statistics", moved(ours, "online.", true));
    check("moved_momentum", moved(ours, "momentum.", false));
    check("moved_momentum_statistics", moved(ours, "momentum.", true));
    check("queue_sum", sum("queue/after"));
  }
}

TEST_CASE("each loss term of a compared method reaches the tensors that it should and no others") {
  const std::string name = GENERATE(from_range(compared_methods));
  const golden_step g = golden(name);
  const auto gradients = gradients_in(compared_step(g));
  const json reach = read_json("methods_gradient_reach.json");
  for (const auto& [term, expected] : reach.at(name).items()) {
    INFO(name << ", " << term);
    check_reach(gradients, expected);
  }
}

TEST_CASE("the first losses of the compared methods are those of unrelated rows") {
  const auto start = [](const std::string& name, std::int64_t n) {
    golden_step g = golden(name);
    g.config["queue"] = 16384;
    oracle b;
    return compared_method(g, b)->expected_initial_loss(n);
  };
  CHECK(start("simclr", 256) == Approx(std::log(511.0)));  // 6.236
  CHECK(start("simsiam", 256) == 0);
  CHECK(start("byol", 256) == 4);
  CHECK(start("moco", 256) == Approx(9.704).margin(5e-4));
  CHECK(start("nnclr", 256) == Approx(5.545).margin(5e-4));
  CHECK(start("fast_moco", 256) == Approx(5.545).margin(5e-4));
  CHECK(start("moco_v3", 256) == Approx(2 * 5.545).margin(1e-3));  // 2 t = 1, both directions
  CHECK(start("msf", 256) == 2);
  CHECK(start("swav", 256) == Approx(std::log(9)));
}

TEST_CASE("byol and moco_v3 add their directions, the others take their mean") {
  const auto ratio = [](const std::string& name) {
    const auto ours = compared_step(golden(name));
    return ours.at("loss/total")[0] / (ours.at("loss/1")[0] + ours.at("loss/2")[0]);
  };
  CHECK(ratio("byol") == Approx(1).epsilon(1e-14));
  const double temperature = golden("moco_v3").config.at("temperature");
  CHECK(ratio("moco_v3") == Approx(2 * temperature).epsilon(1e-14));
  for (const char* name : {"simsiam", "moco", "nnclr", "fast_moco", "swav"}) {
    INFO(name);
    CHECK(ratio(name) == Approx(0.5).epsilon(1e-14));
  }
}

TEST_CASE("moco's directions see one queue, and no key of theirs is in it") {
  // The queue before the step decides both losses: with the keys of the step in it already, the
  // positives would be among the negatives and both losses above ln 2.
  golden_step g = golden("moco");
  g.config["temperature"] = 0.01;
  auto& queue = g.all.at("queue/before");
  oracle b;
  const auto m = compared_method(g, b);
  g.load(*m);
  const auto x = g.images();
  const auto ours = g.run(*m, x);
  const auto& after = ours.at("queue/after");
  const std::size_t n = g.config.at("batch"), width = queue.size() / 17;
  const std::size_t first = 2 * n * static_cast<std::size_t>(g.config.at("step")) % 17;
  // z1, then z2, normalized, at the cursor.
  for (std::size_t r = 0; r < 2 * n; ++r) {
    const auto& z = ours.at(r < n ? "z/1" : "z/2");
    double norm = 0, dot = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const double v = z[r % n * width + c];
      norm += v * v;
      dot += v * after[(first + r) % 17 * width + c];
    }
    CHECK(dot == Approx(std::sqrt(norm)).epsilon(1e-12));
  }
  // What the losses were, from the queue before and from the raw rows of the dump.
  const auto unit = [&](const std::vector<double>& rows, std::size_t r) {
    std::vector<double> u(rows.begin() + static_cast<std::ptrdiff_t>(r * width),
                          rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * width));
    double norm = 0;
    for (const double v : u) norm += v * v;
    for (double& v : u) v /= std::sqrt(norm);
    return u;
  };
  const auto similarity = [](const std::vector<double>& a, const std::vector<double>& c) {
    double s = 0;
    for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * c[i];
    return s / 0.01;
  };
  for (const auto& [query, key] : {std::pair{"1", "2"}, std::pair{"2", "1"}}) {
    double mean = 0;
    for (std::size_t r = 0; r < n; ++r) {
      const auto q = unit(ours.at(std::string("q/") + query), r);
      const double positive = similarity(q, unit(ours.at(std::string("z/") + key), r));
      double sum = 1;
      for (std::size_t j = 0; j < 17; ++j)
        sum += std::exp(similarity(q, unit(queue, j)) - positive);
      mean += std::log(sum) / static_cast<double>(n);
    }
    CHECK(ours.at(std::string("loss/") + query)[0] == Approx(mean).epsilon(1e-9));
  }
}

TEST_CASE("nnclr looks up the projections, and not the predictions") {
  const auto ours = compared_step(golden("nnclr"));
  const golden_step g = golden("nnclr");
  const auto& queue = g.all.at("queue/before");
  const std::size_t n = g.config.at("batch"), width = queue.size() / 17;
  const auto nearest = [&](const std::vector<double>& rows, std::size_t r) {
    std::size_t best = 0;
    double most = -1e300;
    for (std::size_t j = 0; j < 17; ++j) {
      double s = 0;
      for (std::size_t c = 0; c < width; ++c) s += rows[r * width + c] * queue[j * width + c];
      if (s > most) {
        most = s;
        best = j;
      }
    }
    return static_cast<double>(best);
  };
  bool predictions_differ = false;
  for (const char* view : {"1", "2"}) {
    for (std::size_t r = 0; r < n; ++r) {
      const double found = ours.at(std::string("nn/") + view)[r];
      CHECK(found == nearest(ours.at(std::string("z/") + view), r));
      predictions_differ |= found != nearest(ours.at(std::string("p/") + view), r);
    }
  }
  CHECK(predictions_differ);
}

TEST_CASE("moco's shuffled keys come back in order, normalized with other images") {
  const golden_step g = golden("moco");
  oracle b;
  const auto keys = [&](int splits, bool shuffle) {
    method::moco<oracle> m(b, g.layers(), {.queue = 17, .bn_splits = splits, .shuffle = shuffle}, 1,
                           g.values(g.patches()));
    g.load(m);
    return g.run(m, g.images());
  };
  // In one part the order of a batch means nothing: keys differ by rounding alone.
  const auto whole = keys(1, true), parts = keys(2, false), shuffled = keys(2, true);
  CHECK(whole.count("shuffle/1") == 0);
  REQUIRE(shuffled.count("shuffle/1") == 1);
  CHECK(error_of(shuffled.at("z/2"), parts.at("z/2")) > 1e-3);
  CHECK(shuffled.at("q/1") == parts.at("q/1"));
  // Images put in that order by hand, in parts, give the same keys in that order.
  const auto& order = shuffled.at("shuffle/1");
  auto x = g.images();
  const std::vector<double> ours = x;
  const std::size_t n = order.size(), image = x.size() / (2 * n);
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const std::size_t from = i / n * n + static_cast<std::size_t>(order[i % n]);
    std::copy_n(ours.begin() + static_cast<std::ptrdiff_t>(from * image), image,
                x.begin() + static_cast<std::ptrdiff_t>(i * image));
  }
  method::moco<oracle> by_hand(b, g.layers(), {.queue = 17, .bn_splits = 2, .shuffle = false}, 1,
                               g.values(g.patches()));
  g.load(by_hand);
  const auto z = g.run(by_hand, x).at("z/2");
  const std::size_t width = z.size() / n;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t c = 0; c < width; ++c) {
      CHECK(z[i * width + c] == shuffled.at("z/2")[static_cast<std::size_t>(order[i]) * width + c]);
    }
  }
}
