// Steps of mncl from the states of the golden files, whole and in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/backend/reference.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/train/host_tensor.hpp>
#include <triptych/train/schedule.hpp>
#include <triptych/train/step_dump.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

namespace triptych::test {

using json = nlohmann::json;
using oracle = backend::reference<double>;
using tensors = std::map<std::string, std::vector<double>>;

inline std::vector<int> numbers_in(const std::string& list) {
  std::vector<int> values;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) values.push_back(std::stoi(item));
  return values;
}

/// The option's value whose name the file holds.
template <class Value>
Value one_of(const json& c, const char* key, const std::map<std::string, Value>& names) {
  return names.at(c.at(key).get<std::string>());
}

inline method::mncl_options options_of(const json& c) {
  using namespace method;
  mncl_options o;
  o.temperature = c.at("temperature");
  o.lambda = c.at("lambda");
  o.lambda_s = c.at("lambda-s");
  o.queue = c.at("queue");
  o.local_gradient = c.at("local-gradient") == "on";
  o.local_anchor = one_of<loss::anchor>(
      c, "local-anchor",
      {{"target", loss::anchor::target}, {"prediction", loss::anchor::prediction}});
  o.global_loss = one_of<global_loss>(
      c, "global-loss", {{"infonce", global_loss::info_nce}, {"ntxent", global_loss::nt_xent}});
  o.ema_timing = one_of<momentum_timing>(
      c, "ema-timing",
      {{"after", momentum_timing::after_step}, {"before", momentum_timing::before_forward}});
  o.patch_statistics = one_of<patch_statistics>(
      c, "patch-statistics",
      {{"own", patch_statistics::own}, {"online", patch_statistics::online}});
  o.enqueue = one_of<enqueued>(
      c, "enqueue", {{"z1", enqueued::z1}, {"z2", enqueued::z2}, {"both", enqueued::both}});
  return o;
}

/// A golden file's state, views and expected step.
class golden_step {
 public:
  explicit golden_step(const std::string& name) {
    const auto file = io::safetensors_file::open(golden_path(name));
    config = json::parse(file.metadata().at("config"));
    for (const auto& t : file.names()) {
      if (t.starts_with("nn/")) {
        const auto indices = file.values<std::int64_t>(t);
        all[t] = {indices.begin(), indices.end()};
      } else {
        all[t] = file.values<double>(t);
      }
    }
  }

  json config;
  tensors all;

  /// The method that `config` describes, with weights of its own.
  template <class Policies = method::mncl_policies>
  [[nodiscard]] method::mncl<oracle, Policies> make(oracle& b,
                                                    typename Policies::patches patches) const {
    const json& c = config;
    nn::resnet_options encoder;
    encoder.width = c.at("width");
    const auto blocks = numbers_in(c.at("blocks"));
    std::copy_n(blocks.begin(), 4, encoder.blocks.begin());
    const nn::head_options head{numbers_in(c.at("head")), c.at("predictor-hidden")};
    return {b,
            nn::stack<>(nn::resnet(encoder), head),
            options_of(c),
            1,
            {.rule = {c.at("momentum"), c.at("weight-decay")}, .clip_norm = c.at("clip-norm")},
            {c.at("momentum-m")},
            std::move(patches)};
  }
  [[nodiscard]] method::mncl<oracle> make(oracle& b) const {
    return make(b, views::grid(config.at("grid"), {.k = config.at("combine-k")}));
  }

  /// Puts the state before this step into the method, the queue's position too.
  template <class Method>
  void load(Method& m) const {
    for (const auto& arena : m.arenas()) {
      train::upload(m.online().backend(), arena, [&](const std::string& name) {
        return all.at(arena.prefix.empty() ? "queue/before" : "before/" + name);
      });
    }
    const std::int64_t pushed = index() * m.pushed_rows(config.at("batch"));
    const std::int64_t size = config.at("queue");
    m.restore_counters({pushed % size, pushed});
  }

  /// The three views as one batch, channels last.
  [[nodiscard]] std::vector<double> images() const {
    std::vector<double> x;
    for (const char* view : {"view/1", "view/2", "view/3"}) {
      const auto v = channels_last(all.at(view), {config.at("batch"), side(), side(), 3});
      x.insert(x.end(), v.begin(), v.end());
    }
    return x;
  }

  /// Runs this step on `x`, from the state in the method, and returns its dump.
  template <class Method>
  [[nodiscard]] tensors run(Method& m, const std::vector<double>& x) const {
    const std::int64_t n = config.at("batch");
    const double base = config.at("lr");
    const double rate = train::cosine(base, index(), config.at("steps"));
    train::step_dump dump(m);
    const auto report =
        m.step({{3 * n, side(), side(), 3, 3}, x.data()},
               {.step = index(),
                .rate = rate,
                .predictor_rate = config.at("predictor-lr") == "constant" ? base : rate,
                .seed = config.at("seed")},
               dump.observer());
    dump.finish(report);
    tensors found;
    for (const auto& t : dump.tensors()) found[t.name] = t.values;
    for (const auto& t : dump.indices()) found[t.name] = {t.values.begin(), t.values.end()};
    found["gradient norm"] = {report.gradient_norm};
    return found;
  }

 private:
  [[nodiscard]] std::int64_t index() const { return config.at("step"); }
  [[nodiscard]] int side() const { return config.at("image-size"); }
};

/// The largest difference, relative to the largest number.
inline double error_of(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst / std::max(scale, 1e-3);
}

}  // namespace triptych::test
