#include <triptych/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;
using run = small_run<>;
using trainer = train::trainer<run::backend_type>;

namespace {

/// Norms of what the predictor and the rest moved by in one step.
struct moves {
  double predictor = 0, rest = 0;
};
moves first_step(bool constant_rate, int before) {
  const auto set = noise_images(20);
  run r;
  auto plan = run::plan();
  plan.constant_predictor_learning_rate = constant_rate;
  trainer t(r.method, set, plan, before);
  auto& n = r.method.online();
  const std::vector<float> old(n.weights(), n.weights() + n.weight_list().size());
  t.advance();
  moves m;
  for (std::size_t i = 0; i < old.size(); ++i) {
    (i < n.predictor_begin() ? m.rest : m.predictor) +=
        std::pow(double(n.weights()[i]) - double(old[i]), 2);
  }
  return {std::sqrt(m.predictor), std::sqrt(m.rest)};
}

}  // namespace

TEST_CASE("a run has the steps of its epochs, counts them and ends") {
  const auto set = noise_images(20);
  run r;
  trainer t(r.method, set, run::plan());
  CHECK(t.steps_per_epoch() == 3);
  CHECK(t.steps() == 12);
  for (std::int64_t step = 0; step < 12; ++step) {
    REQUIRE_FALSE(t.done());
    CHECK(t.step() == step);
    CHECK(t.epoch() == step / 3);
    const auto record = t.advance();
    CHECK(record.step == step + 1);
    CHECK(record.epoch == step / 3);
    CHECK(record.learning_rate == cosine_decay(0.05, step, 12));
    CHECK(std::isfinite(record.report.loss));
    CHECK(record.report.gradient_norm > 0);
  }
  CHECK(t.done());
}

TEST_CASE("warm-up is counted in epochs and constant rates stay") {
  const auto set = noise_images(20);
  run r;
  auto plan = run::plan();
  plan.warmup_epochs = 2;
  plan.constant_learning_rate = true;
  trainer t(r.method, set, plan);
  for (int step = 0; step < 8; ++step) {
    CHECK(t.advance().learning_rate == Approx(step < 6 ? 0.05 * (step + 1) / 6 : 0.05));
  }
}

TEST_CASE("a constant predictor rate leaves the predictor the base rate at the run's end") {
  const moves same = first_step(false, 11), constant = first_step(true, 11);
  CHECK(constant.rest == same.rest);
  const double last = cosine_decay(0.05, 11, 12);
  CHECK(constant.predictor / same.predictor == Approx(0.05 / last).epsilon(1e-3));
}

TEST_CASE("monitors look every so many steps and see sane numbers") {
  const auto set = noise_images(20);
  run r;
  trainer t(r.method, set, run::plan());
  for (int step = 1; step <= 12; ++step) {
    const auto record = t.advance();
    CHECK(record.monitors.empty() == (step % 2 != 0));
    if (record.monitors.empty()) continue;
    const auto names = train::columns_of(t.options().monitors);
    REQUIRE(record.monitors.size() == names.size());
    const auto value = [&](const std::string& name) {
      const auto at = std::find(names.begin(), names.end(), name) - names.begin();
      return record.monitors.at(static_cast<std::size_t>(at)).value();
    };
    CHECK(value("feature_std") > 0);
    CHECK(value("feature_std") < 1);
    CHECK(value("effective_rank") >= 1);
    CHECK(value("effective_rank") <= 4);
    CHECK(value("nn_same_label") >= 0);
    CHECK(value("nn_same_label") <= 1);
    CHECK(value("queue_age") >= 0);
    CHECK(value("queue_age") <= 3);  // 16 rows, six a step
  }
}

TEST_CASE("a monitor of one's own sees the first tensor of its wish that there is, and the queue") {
  const auto set = noise_images(20);
  run r;
  auto plan = run::plan();
  plan.monitor_every = 1;
  plan.monitors = {{{"z"},
                    {"missing", "z/2", "p/1"},
                    [&](const train::glimpse& g) -> train::monitor_values {
                      CHECK(g.queue.size == 16);
                      CHECK(g.queue.pushed % g.queue.each == 0);
                      CHECK(g.labels.size() == 6);
                      return {static_cast<double>(g.rows.columns)};
                    }},
                   {{"none"}, {"missing"}, [](const train::glimpse& g) -> train::monitor_values {
                      CHECK(g.rows.rows == 0);
                      return {std::nullopt};
                    }}};
  trainer t(r.method, set, plan);
  method::trace<float> watch;
  std::vector<float> z2;
  watch.on_tensor = [&](const std::string& name, tensor<const float> rows) {
    if (name == "z/2") z2.assign(rows.data, rows.data + rows.size());
  };
  const auto record = t.advance(watch);
  CHECK(train::columns_of(t.options().monitors) == std::vector<std::string>{"z", "none"});
  REQUIRE(record.monitors.size() == 2);
  CHECK(record.monitors[0] == static_cast<double>(z2.size() / 6));
  CHECK_FALSE(record.monitors[1]);
}

TEST_CASE("a monitor that gives another number of values than it has columns is refused") {
  run r;
  const auto set = noise_images(20);
  auto plan = run::plan();
  plan.monitors = {
      {{"one", "two"}, {}, [](const train::glimpse&) { return train::monitor_values{1.0}; }}};
  trainer t(r.method, set, plan);
  t.advance();
  const auto thrown = thrown_by([&] { t.advance(); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("a monitor of 2 columns gave 1 values; give one for each"));
}

TEST_CASE("the monitors take no part in training") {
  const auto set = noise_images(20);
  run looked, blind;
  auto plan = run::plan();
  plan.monitor_every = 1;
  trainer a(looked.method, set, plan);
  plan.monitor_every = 0;
  trainer b(blind.method, set, plan);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(a.advance().monitors.empty());
    CHECK(b.advance().monitors.empty());
  }
  CHECK((looked.state() == blind.state()));
}

TEST_CASE("who watches sees what the monitors see") {
  const auto set = noise_images(20);
  run r;
  auto plan = run::plan();
  plan.monitor_every = 1;
  trainer t(r.method, set, plan);
  std::vector<std::string> seen;
  method::trace<float> watch;
  watch.on_tensor = [&](const std::string& name, tensor<const float>) { seen.push_back(name); };
  watch.on_indices = [&](const std::string& name, const int*, std::int64_t count) {
    seen.push_back(name);
    CHECK(count == 6);
  };
  t.advance(watch);
  for (const char* name : {"view/1", "z/1", "nn/2", "p/3", "c/1"}) {
    INFO(name);
    CHECK(std::count(seen.begin(), seen.end(), name) == 1);
  }
}

TEST_CASE("the labels of the queue follow its rows") {
  const auto set = noise_images(20);
  run r;
  trainer t(r.method, set, run::plan());
  CHECK(t.queue_labels() == std::vector<std::int32_t>(16, -1));
  t.advance();
  for (std::size_t i = 0; i < 16; ++i) CHECK((t.queue_labels()[i] >= 0) == (i < 6));
  const auto first = t.queue_labels();
  t.advance();
  for (std::size_t i = 0; i < 16; ++i) CHECK((t.queue_labels()[i] >= 0) == (i < 12));
  t.advance();  // rows 12 to 15, 0 and 1
  for (std::size_t i = 0; i < 16; ++i) CHECK(t.queue_labels()[i] >= 0);
  for (std::size_t i = 2; i < 6; ++i) CHECK(t.queue_labels()[i] == first[i]);
}

TEST_CASE("a run refuses batches that cannot be contrasted or filled, and missing recipes") {
  const auto set = noise_images(20);
  run r;
  auto plan = run::plan();
  plan.batch = 1;
  const auto make = [&] { trainer(r.method, set, plan); };
  CHECK(thrown_by(make).says("`batch`"));
  plan.batch = 21;
  CHECK(thrown_by(make).kind == error_kind::usage);
  CHECK(thrown_by(make).says("exceeds the 20 training images"));
  plan.batch = 6;
  plan.recipes.resize(2);
  CHECK(thrown_by(make).kind == error_kind::usage);
  CHECK(thrown_by(make).says("3 views"));
}
