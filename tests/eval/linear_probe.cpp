#include <triptych/eval/linear_probe.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <triptych/core/cosine_decay.hpp>

#include "eval/synthetic_features.hpp"
#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::eval;

namespace {

/// Trains on consecutive batches of 32 from step `probe` has reached up to `until`.
void train_until(linear_probe& probe, const feature_set& set, std::int64_t until) {
  while (probe.state_progress().step < until) {
    const auto first = static_cast<std::size_t>(probe.state_progress().step * 32 % set.size);
    const auto dim = static_cast<std::size_t>(set.dim);
    probe.step(std::span(set.values).subspan(first * dim, 32 * dim),
               std::span(set.labels).subspan(first, 32));
  }
}

std::vector<float> all_values(linear_probe& probe) {
  std::vector<float> result;
  for (const auto& tensor : probe.state_tensors()) {
    result.insert(result.end(), tensor.values.begin(), tensor.values.end());
  }
  return result;
}

}  // namespace

TEST_CASE("the probe learns a separable set") {
  const feature_set train = clouds(640, 24, 8, 2.0f, 0), test = clouds(200, 24, 8, 2.0f, 1);
  triptych::thread_pool pool(2);
  linear_probe probe(24, 8, {.steps = 1000}, 7);
  CHECK(probe.evaluate(test, pool).percent().top1 < 60);
  for (int epoch = 1; epoch <= 50; ++epoch) {
    train_until(probe, train, epoch * 20);
    probe.end_epoch(test, pool);
  }
  const auto& progress = probe.state_progress();
  CHECK(progress.last.top1 >= 99);
  CHECK(progress.best.top1 >= progress.last.top1);
  CHECK(progress.epochs == 50);
  CHECK(progress.best_epoch >= 1);
}

TEST_CASE("the first step follows the gradient written out by hand") {
  // One row x = (3, 4) of class 0; from zero weights softmax is (1/2, 1/2): g = (p - onehot) x.
  linear_probe probe(2, 2, {.steps = 10, .learning_rate = 0.8, .initial_weight = 0}, 1);
  const std::vector<float> x{3, 4};
  const std::vector<std::int32_t> label{0};
  CHECK(probe.step(x, label) == Approx(std::log(2.0f)));
  // |w| = 0, so r = 1: w = -0.8 g and b = -0.8 (p - onehot).
  const std::vector<float> expected{1.2f, 1.6f, -1.2f, -1.6f, 0.4f, -0.4f};
  const std::vector<float> values = all_values(probe);
  for (std::size_t i = 0; i < 6; ++i) CHECK(values[i] == Approx(expected[i]));
}

TEST_CASE("a resumed probe equals the uninterrupted one bit for bit") {
  const feature_set train = clouds(640, 12, 4, 1.0f, 0), test = clouds(200, 12, 4, 1.0f, 1);
  triptych::thread_pool pool(2);
  const probe_options options{.steps = 60};
  linear_probe whole(12, 4, options, 7), first(12, 4, options, 7), second(12, 4, options, 99);
  train_until(whole, train, 25);
  whole.end_epoch(test, pool);
  train_until(whole, train, 60);
  whole.end_epoch(test, pool);

  train_until(first, train, 25);
  first.end_epoch(test, pool);
  const auto saved = first.state_tensors();
  auto restored = second.state_tensors();
  for (std::size_t i = 0; i < saved.size(); ++i) {
    REQUIRE(saved[i].name == restored[i].name);
    std::copy(saved[i].values.begin(), saved[i].values.end(), restored[i].values.begin());
  }
  second.state_progress() = first.state_progress();
  train_until(second, train, 60);
  second.end_epoch(test, pool);

  CHECK(all_values(second) == all_values(whole));
  CHECK(second.state_progress() == whole.state_progress());
}

TEST_CASE("the probe's accuracy is the same for any number of threads") {
  const feature_set test = clouds(1001, 12, 10, 0.2f, 1);
  const linear_probe probe(12, 10, {.steps = 1}, 7);
  triptych::thread_pool one(1);
  for (const int threads : {2, 3, 8}) {
    triptych::thread_pool pool(threads);
    CHECK(probe.evaluate(test, pool) == probe.evaluate(test, one));
  }
}

TEST_CASE("the learning rate falls along a cosine from step to step") {
  CHECK(cosine_decay(0.8, 0, 100) == 0.8);
  CHECK(cosine_decay(0.8, 50, 100) == Approx(0.4f));
  CHECK(cosine_decay(0.8, 25, 100) == Approx(0.4 * (1 + std::sqrt(0.5))));
  CHECK(cosine_decay(0.8, 100, 100) == Approx(0.0f).margin(1e-7));
}

TEST_CASE("initial weights are normal with deviation 0.01 and depend on the seed") {
  linear_probe a(512, 100, {.steps = 1}, 1), b(512, 100, {.steps = 1}, 2);
  const auto tensors = a.state_tensors();
  const auto weights = tensors[0].values;
  double squares = 0;
  for (const float w : weights) squares += double(w) * double(w);
  CHECK(std::sqrt(squares / 51200) == Approx(0.01).epsilon(0.02));
  CHECK(weights[0] != all_values(b)[0]);
  for (const float v : tensors[1].values) CHECK(v == 0.0f);
}

TEST_CASE("few steps bring a warning, enough steps none") {
  CHECK(probe_steps(50000, 256, 90) == 17550);
  CHECK(probe_warning(17550).empty());
  CHECK(probe_steps(5085, 256, 90) == 1710);
  CHECK(probe_warning(1710).find("1710 steps are few") != std::string::npos);
  CHECK(probe_steps(100, 256, 3) == 3);
}

TEST_CASE("bad batches are refused and leave the probe as it was") {
  linear_probe probe(2, 2, {.steps = 1}, 1);
  const auto before = all_values(probe);
  const std::vector<float> x{1, 2}, diverged{std::numeric_limits<float>::infinity(), 1};
  CHECK_THROWS_AS(probe.step(x, std::vector<std::int32_t>{0, 1}), triptych::error);
  CHECK_THROWS_AS(probe.step(x, std::vector<std::int32_t>{2}), triptych::error);
  CHECK_THROWS_AS(probe.step(diverged, std::vector<std::int32_t>{0}), triptych::error);
  CHECK(all_values(probe) == before);
  probe.step(x, std::vector<std::int32_t>{0});
  CHECK_THROWS_AS(probe.step(x, std::vector<std::int32_t>{0}), triptych::error);
}
