// Whole training steps of mncl against an independent implementation (tests/golden/mncl.py), and
// which loss term reaches which tensor.
#include <triptych/method/mncl.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/backend/reference.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/train/host_tensor.hpp>
#include <triptych/train/schedule.hpp>
#include <triptych/train/step_dump.hpp>

#include "../support/catch.hpp"

using namespace triptych;
using json = nlohmann::json;
using backend_type = backend::reference<double>;
using method_type = method::mncl<backend_type>;

namespace {

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(__FILE__).parent_path().parent_path() / "golden" / "data" / name;
}

std::vector<int> numbers(const std::string& list) {
  std::vector<int> values;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) values.push_back(std::stoi(item));
  return values;
}

/// A method as a golden file's configuration describes it.
method_type make(backend_type& backend, const json& c) {
  nn::resnet_options encoder;
  encoder.width = c.at("width");
  const auto blocks = numbers(c.at("blocks"));
  std::copy_n(blocks.begin(), 4, encoder.blocks.begin());
  nn::head_options head{numbers(c.at("head")), c.at("predictor-hidden")};

  method::mncl_options o;
  o.temperature = c.at("temperature");
  o.lambda = c.at("lambda");
  o.lambda_s = c.at("lambda-s");
  o.queue = c.at("queue");
  o.local_gradient = c.at("local-gradient") == "on";
  o.local_anchor =
      c.at("local-anchor") == "target" ? loss::anchor::target : loss::anchor::prediction;
  o.global_loss =
      c.at("global-loss") == "infonce" ? method::global_loss::info_nce : method::global_loss::nt_xent;
  o.ema_timing = c.at("ema-timing") == "after" ? method::momentum_timing::after_step
                                               : method::momentum_timing::before_forward;
  o.patch_statistics = c.at("patch-statistics") == "own" ? method::patch_statistics::own
                                                         : method::patch_statistics::online;
  o.enqueue = c.at("enqueue") == "z1"   ? method::enqueued::z1
              : c.at("enqueue") == "z2" ? method::enqueued::z2
                                        : method::enqueued::both;
  return method_type(backend, nn::stack<>(nn::resnet(encoder), head), o, 1,
                     {.rule = {c.at("momentum"), c.at("weight-decay")},
                      .clip_norm = c.at("clip-norm")},
                     {c.at("momentum-m")},
                     views::grid(c.at("grid"), {.k = c.at("combine-k")}));
}

/// Everything a file holds, as doubles.
std::map<std::string, std::vector<double>> read(const io::safetensors_file& file) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& name : file.names()) {
    if (name.starts_with("nn/")) {
      const auto i = file.values<std::int64_t>(name);
      all[name] = {i.begin(), i.end()};
    } else {
      all[name] = file.values<double>(name);
    }
  }
  return all;
}

using tensors = std::map<std::string, std::vector<double>>;

void load_state(backend_type& backend, method_type& method, const tensors& from,
                const std::string& when) {
  for (const auto& arena : method.arenas()) {
    train::upload(backend, arena, [&](const std::string& name) {
      return from.at(arena.prefix.empty() ? "queue/" + when : when + "/" + name);
    });
  }
}

/// The three views as one batch, channels last.
std::vector<double> load_views(const tensors& from, const json& c) {
  const std::size_t n = c.at("batch"), side = c.at("image-size"), pixels = side * side;
  std::vector<double> x;
  for (const char* view : {"view/1", "view/2", "view/3"}) {
    const auto& v = from.at(view);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t ch = 0; ch < 3; ++ch) x.push_back(v[(i * 3 + ch) * pixels + p]);
      }
    }
  }
  return x;
}

double error_of(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst / std::max(scale, 1e-3);
}

/// Runs one step from the state in the method and returns its dump.
tensors run_step(method_type& method, const std::vector<double>& x, const json& c, int step) {
  const int n = c.at("batch"), side = c.at("image-size");
  const double base = c.at("lr");
  const double rate = train::cosine(base, step, c.at("steps"));
  train::step_dump dump(method);
  const auto report = method.step(
      {{3 * n, side, side, 3, 3}, x.data()},
      {.step = step,
       .rate = rate,
       .predictor_rate = c.at("predictor-lr") == "constant" ? base : rate,
       .seed = c.at("seed")},
      dump.observer());
  dump.finish(report);
  tensors all;
  for (const auto& t : dump.tensors()) all[t.name] = t.values;
  for (const auto& t : dump.indices()) all[t.name] = {t.values.begin(), t.values.end()};
  return all;
}

json config_of(const io::safetensors_file& file) { return json::parse(file.metadata().at("config")); }

}  // namespace

TEST_CASE("three consecutive steps of mncl agree with an independent implementation") {
  for (const std::string variant : {"paper", "released"}) {
    backend_type backend;
    const auto first =
        io::safetensors_file::open(golden("mncl_" + variant + "_step1.safetensors"));
    method_type method = make(backend, config_of(first));
    load_state(backend, method, read(first), "before");
    for (int step = 0; step < 3; ++step) {
      INFO(variant << ", step " << step + 1);
      const auto file = io::safetensors_file::open(
          golden("mncl_" + variant + "_step" + std::to_string(step + 1) + ".safetensors"));
      const json c = config_of(file);
      const auto expected = read(file);
      const auto ours = run_step(method, load_views(expected, c), c, step);
      for (const auto& [name, values] : expected) {
        INFO(name);
        REQUIRE(ours.count(name) == 1);
        CHECK(error_of(ours.at(name), values) < (name.starts_with("loss/") ? 1e-10 : 1e-8));
      }
    }
  }
}
