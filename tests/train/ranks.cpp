// A run on several ranks is the run on one, with everything that a log says of it.
#include <triptych/backend/distributed.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/comm/threads.hpp>
#include <triptych/method/msf.hpp>
#include <triptych/train/shared_state.hpp>
#include <triptych/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/larger.hpp"
#include "support/thrown.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

using alone = small_run<double>;
using of_ranks = small_run<double, method::mncl_policies,
                           backend::distributed<backend::reference<double>, comm::threads>>;

/// What a run logs, and where it ends.
struct story {
  std::vector<double> numbers, weights;
  std::vector<std::int32_t> labels;
};

template <class Run>
story told(Run& r, const data::image_set& set, int steps) {
  auto plan = Run::plan();
  plan.monitor_every = 2;
  plan.learning_rate = 1e-3;  // or BatchNorms of few rows make 1e-8 of 1e-16 in seven steps
  train::trainer<typename Run::backend_type> t(r.method, set, plan);
  story s;
  for (int step = 0; step < steps; ++step) {
    const auto record = t.advance();
    s.numbers.insert(s.numbers.end(), {record.report.loss, record.report.terms[0],
                                       record.report.terms[1], record.report.gradient_norm});
    for (const auto& value : record.monitors) s.numbers.push_back(value.value_or(-1));
  }
  const auto& n = r.method.online();
  s.weights.assign(n.weights(), n.weights() + n.weight_list().size());
  s.labels = t.queue_labels();
  return s;
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = larger(worst, std::abs(a[i] - b[i]));
  return worst;
}

}  // namespace

TEST_CASE("a run on two ranks and three has the numbers of the run on one") {
  const auto set = noise_images(20);
  alone one;
  const story expected = told(one, set, 7);
  for (const int ranks : {2, 3}) {
    std::vector<story> all(static_cast<std::size_t>(ranks));
    comm::on_threads(ranks, [&](comm::threads& r) {
      of_ranks run({}, 1, r);
      all[static_cast<std::size_t>(r.rank())] = told(run, set, 7);
    });
    for (const story& s : all) {
      CHECK(difference(s.numbers, expected.numbers) < 1e-9);
      CHECK(difference(s.weights, expected.weights) < 1e-9);
      CHECK(s.labels == expected.labels);
      CHECK(s.weights == all.front().weights);  // bit by bit
      CHECK(s.numbers == all.front().numbers);
    }
  }
}

TEST_CASE("several neighbors of an image are logged in the order of one rank") {
  const auto set = noise_images(20);
  const auto logged = [&](auto& b) {
    method::msf_options o;
    o.queue = 16;
    o.neighbors = 4;
    method::msf m(
        b, nn::architecture<>(nn::resnet({.width = 1, .blocks = {1, 1, 1, 1}}), {{6, 4}, 3}), o, 1);
    auto plan = alone::plan();
    plan.recipes.resize(2);
    plan.monitor_every = 1;
    train::trainer t(m, set, plan);
    std::vector<double> numbers;
    for (int step = 0; step < 7; ++step) {
      for (const auto& value : t.advance().monitors) numbers.push_back(value.value_or(-1));
    }
    return numbers;
  };
  backend::reference<double> one;
  const auto expected = logged(one);
  comm::on_threads(3, [&](comm::threads& r) {
    backend::distributed<backend::reference<double>, comm::threads> b(r);
    const auto found = logged(b);
    if (r.rank() == 0) CHECK(difference(found, expected) < 1e-9);
  });
}

TEST_CASE("ranks go on from the state that rank 0 has") {
  const auto set = noise_images(20);
  alone one;
  const story expected = told(one, set, 7);
  std::vector<story> all(3);
  std::vector<int> first(3);
  comm::on_threads(3, [&](comm::threads& r) {
    of_ranks run({}, r.rank() == 0 ? 1 : 2, r);  // the others begin elsewhere
    if (r.rank() != 0) run.method.restore_counters({5, 5});
    train::share_state(run.method);
    all[static_cast<std::size_t>(r.rank())] = told(run, set, 7);
    first[static_cast<std::size_t>(r.rank())] = ranks::of_first(run.backend, 10 + r.rank());
  });
  for (const story& s : all) {
    CHECK(difference(s.numbers, expected.numbers) < 1e-9);
    CHECK(difference(s.weights, expected.weights) < 1e-9);
    CHECK(s.labels == expected.labels);
  }
  CHECK(first == std::vector{10, 10, 10});
}

TEST_CASE("a batch that ranks cannot share equally is refused") {
  const auto set = noise_images(20);
  const auto e = thrown_by([&] {
    comm::on_threads(4, [&](comm::threads& r) {
      of_ranks run({}, 1, r);
      told(run, set, 1);
    });
  });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("of 4 of a batch of 6 images cannot be made"));
}
