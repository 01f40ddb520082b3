#include <triptych/train/checkpoint.hpp>

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

template <class Run>
using trainer_of = train::trainer<typename Run::backend_type>;

/// What a run is made of: if all of this is alike, so is all that follows.
template <class Run>
struct outcome {
  std::vector<typename Run::method_type::real> state;
  std::vector<std::int64_t> counters;
  std::vector<std::int32_t> labels;
  std::vector<double> log;
  bool operator==(const outcome&) const = default;
};

/// `steps` more steps; logs what metrics.jsonl does.
template <class Run>
outcome<Run> finish(Run& run, trainer_of<Run>& t, int steps) {
  outcome<Run> o;
  for (int i = 0; i < steps; ++i) {
    const auto r = t.advance();
    const std::vector<double> line = {static_cast<double>(r.step),
                                      static_cast<double>(r.epoch),
                                      r.learning_rate,
                                      r.report.loss,
                                      r.report.terms[0],
                                      r.report.terms[1],
                                      r.report.gradient_norm};
    o.log.insert(o.log.end(), line.begin(), line.end());
    for (const auto& value : r.monitors) o.log.push_back(value.value_or(-1));
  }
  o.state = run.state();
  o.counters = run.method.counters();
  o.labels = t.queue_labels();
  return o;
}

/// A checkpoint of `run` after `steps` steps.
template <class Run>
std::filesystem::path save(const temporary_directory& at, Run& run, int steps) {
  const auto set = noise_images(20);
  trainer_of<Run> t(run.method, set, Run::plan());
  for (int i = 0; i < steps; ++i) t.advance();
  return train::save_checkpoint(at.path(), run.method, t, "lr = 0.05");
}

/// Stops at step k, saves, and goes on from the files in objects that began elsewhere.
template <class Run>
void check_resume(int k) {
  const auto set = noise_images(20);
  const temporary_directory at;
  Run whole;
  trainer_of<Run> uninterrupted(whole.method, set, Run::plan());
  for (int i = 0; i < k; ++i) uninterrupted.advance();
  const auto path = train::save_checkpoint(at.path(), whole.method, uninterrupted, "lr = 0.05");
  const auto expected = finish(whole, uninterrupted, 5);

  const auto loaded = io::load_checkpoint(path);
  CHECK(loaded.note.step == k);
  CHECK(loaded.note.epoch == k / 3);
  CHECK(loaded.note.config == "lr = 0.05");
  Run fresh({}, 99);
  trainer_of<Run> resumed(fresh.method, set, Run::plan(), loaded.note.step);
  CHECK_FALSE((finish(fresh, resumed, 1) == finish(whole, uninterrupted, 0)));  // not yet
  trainer_of<Run> again(fresh.method, set, Run::plan(), loaded.note.step);
  train::restore(loaded, fresh.method, again.queue_labels());
  CHECK((finish(fresh, again, 5) == expected));
}

/// That a checkpoint of `saved` does not fit `other`, which stays as it is; the sentence names
/// `part`.
template <class Saved, class Other>
void check_refusal(Saved& saved, Other& other, const std::string& part) {
  INFO(part);
  const temporary_directory at;
  const auto loaded = io::load_checkpoint(save(at, saved, 2));
  const auto before = other.state();
  const auto counters = other.method.counters();
  const std::vector<std::int32_t> untouched(16, 7);
  std::vector<std::int32_t> labels = untouched;
  const auto thrown = thrown_by([&] { train::restore(loaded, other.method, labels); });
  CHECK(thrown.kind == error_kind::checkpoint);
  CHECK(thrown.says("of another architecture"));
  CHECK(thrown.says(loaded.path.string()));
  INFO(thrown.sentence);
  CHECK(thrown.says(part));
  CHECK((other.state() == before));
  CHECK(other.method.counters() == counters);
  CHECK(labels == untouched);
}

/// A method with an array of its own, which follows the gradient.
class with_center : public method::mncl<backend::reference<float>> {
 public:
  using base = method::mncl<backend::reference<float>>;
  using base::base;

  /// In two steps, for the constructor is the base's.
  void keep_center() { this->keep("center", {2, 3}, center.data()); }

  method::step_report step(tensor<const float> x, const method::step_options& options,
                           const method::trace<float>& watch = {}) override {
    const auto report = base::step(x, options, watch);
    this->backend().interpolate(0.5f, this->gradients().data, center.size(), center.data());
    return report;
  }

  std::vector<float> center = std::vector<float>(6, 1.0f);
};

struct momentum_alone : method::mncl_policies {
  static constexpr bool local_branch = false;
};
}  // namespace

TEST_CASE("a run stopped at any step and resumed gives the bits of one that was not") {
  const int k = GENERATE(0, 1, 3, 5);  // the start, within epochs, between them
  check_resume<small_run<>>(k);
}

TEST_CASE("runs without a branch, and in double, resume to the same bits") {
  check_resume<small_run<float, momentum_alone>>(4);
  check_resume<small_run<float, patches_alone>>(4);
  check_resume<small_run<double>>(4);
}

TEST_CASE("a checkpoint holds model, optimizer and queue in their files") {
  const temporary_directory at;
  small_run<> run;
  const auto loaded = io::load_checkpoint(save(at, run, 1));
  CHECK(loaded.files.size() == 3);
  const auto& model = loaded.file("model");
  CHECK(model.contains("online.encoder.conv1.weight"));
  CHECK(model.contains("momentum.projector.0.bias"));
  CHECK(model.contains("stop_gradient.encoder.bn1.running_mean"));
  CHECK(loaded.file("optimiser").contains("momentum_buffer.online.predictor.0.weight"));
  CHECK(loaded.file("queue").info("queue").shape == io::tensor_shape{16, 4});
  CHECK(loaded.file("queue").info("labels").shape == io::tensor_shape{16});
  CHECK(loaded.note.extra.at("counter.0") == "6");
  CHECK(loaded.note.extra.at("counter.1") == "6");
}

TEST_CASE("a run of another architecture is refused by name and nothing changes") {
  small_run<> saved;
  const auto refuse = [&](const sizes& s, const std::string& part) {
    small_run<> other(s, 5);
    check_refusal(saved, other, part);
  };
  refuse({.width = 2}, "conv1.weight\" is F32 [1,3,3,3], not F32 [2,3,3,3]");
  refuse({.stem = nn::stem::imagenet}, "not F32 [1,3,7,7]");
  refuse({.projector = {5, 4}}, "projector.0.bias");
  refuse({.projector = {6, 6, 4}}, "missing");
  refuse({.predictor_hidden = 2}, "online.predictor.0.weight");
  refuse({.queue = 17}, "\"queue\" is F32 [16,4], not F32 [17,4]");
}

TEST_CASE("a run of another precision is refused") {
  small_run<float> single;
  small_run<double> exact;
  check_refusal(single, exact, "F32 [1,3,3,3], not F64 [1,3,3,3]");
  check_refusal(exact, single, "F64 [1,3,3,3], not F32 [1,3,3,3]");
}

TEST_CASE("a run with other branches is refused") {
  small_run<> both;
  small_run<float, momentum_alone> global;
  small_run<float, patches_alone> local;
  check_refusal(both, global, "stop_gradient.encoder.bn1.running_mean");
  check_refusal(both, local, "queue unexpected");
  check_refusal(global, both, "stop_gradient.encoder.bn1.running_mean");
}

TEST_CASE("a run that lacks a whole file is refused by the file's name") {
  const temporary_directory at;
  small_run<> both;
  small_run<float, patches_alone> local;
  const auto loaded = io::load_checkpoint(save(at, local, 1));
  std::vector<std::int32_t> labels(16, 7);
  const auto before = both.state();
  const auto thrown = thrown_by([&] { train::restore(loaded, both.method, labels); });
  CHECK(thrown.kind == error_kind::checkpoint);
  CHECK(thrown.says("queue"));
  CHECK((both.state() == before));
}

TEST_CASE("a checkpoint without the queue's position, or with an impossible one, is refused") {
  const temporary_directory at;
  small_run<> run, other({}, 5);
  auto loaded = io::load_checkpoint(save(at, run, 1));
  std::vector<std::int32_t> labels(16, 7);
  const auto before = other.state();
  const auto restore = [&] { train::restore(loaded, other.method, labels); };
  loaded.note.extra["counter.0"] = "16";
  CHECK(thrown_by(restore).says("outside a queue of 16 rows"));
  loaded.note.extra["counter.0"] = "-3";
  CHECK(thrown_by(restore).says("no queue position"));
  for (const char* text : {"6x", " 6", "", "6.0", "9223372036854775808"}) {
    loaded.note.extra["counter.0"] = text;
    CHECK(thrown_by(restore).says("no queue position, \"counter.0\" in MANIFEST.json"));
  }
  loaded.note.extra["counter.0"] = "7";  // not where 6 rows end
  CHECK(thrown_by(restore).says("after 6 rows a queue of 16 is not at position 7"));
  loaded.note.extra["counter.0"] = "six";
  CHECK(thrown_by(restore).says("no queue position"));
  loaded.note.extra.erase("counter.0");
  CHECK(thrown_by(restore).kind == error_kind::checkpoint);
  CHECK((other.state() == before));
  CHECK(other.method.counters() == std::vector<std::int64_t>{0, 0});
}

TEST_CASE("a state that is not finite is not saved, and what was saved stays") {
  const auto set = noise_images(20);
  const temporary_directory at;
  small_run<> run;
  const auto sound = save(at, run, 1);
  trainer_of<small_run<>> t(run.method, set, small_run<>::plan(), 2);
  run.method.momentum().weights()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto thrown =
      thrown_by([&] { train::save_checkpoint(at.path(), run.method, t, "lr = 0.05"); });
  CHECK(thrown.kind == error_kind::non_finite);
  CHECK(thrown.says("momentum.encoder.conv1.weight"));
  CHECK(io::load_checkpoint(at.path() / "latest").note.step == 1);
  CHECK(io::list_checkpoints(at.path()).size() == 1);
}

TEST_CASE("an array of a method's own is part of a checkpoint") {
  const auto set = noise_images(20);
  const temporary_directory at;
  const nn::architecture<> layers(nn::resnet({.width = 1, .blocks = {1, 1, 1, 1}}), {{6, 4}, 3});
  backend::reference<float> b;
  with_center method(b, layers, small_run<>::options({}), 1),
      fresh(b, layers, small_run<>::options({}), 2);
  method.keep_center();
  fresh.keep_center();
  train::trainer<backend::reference<float>> t(method, set, small_run<>::plan());
  for (int i = 0; i < 3; ++i) t.advance();
  const auto loaded = io::load_checkpoint(train::save_checkpoint(at.path(), method, t, ""));
  CHECK(method.center != fresh.center);
  std::vector<std::int32_t> labels(16);
  train::restore(loaded, fresh, labels);
  CHECK(method.center == fresh.center);
  CHECK(loaded.file("model").info("center").shape == io::tensor_shape{2, 3});
}
