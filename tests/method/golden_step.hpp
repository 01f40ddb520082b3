// Training steps from the states of the golden files, whole and in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/backend/reference.hpp>
#include <triptych/core/cosine_decay.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/train/host_tensor.hpp>
#include <triptych/train/step_dump.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/larger.hpp"

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

inline json read_json(const std::string& name) {
  std::ifstream in(golden_path(name));
  return json::parse(in);
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

  /// What `config` says of the networks.
  [[nodiscard]] nn::architecture<> layers() const {
    const json& c = config;
    nn::resnet_options encoder;
    encoder.width = c.at("width");
    if (c.value("block", "basic") == "bottleneck") encoder.block = nn::block::bottleneck;
    const auto blocks = numbers_in(c.at("blocks"));
    std::copy_n(blocks.begin(), 4, encoder.blocks.begin());
    using nn::head_norm;
    const std::map<std::string, head_norm> norms{{"all", head_norm::all},
                                                 {"plain", head_norm::plain},
                                                 {"hidden", head_norm::hidden},
                                                 {"none", head_norm::none}};
    return nn::architecture<>(nn::resnet(encoder),
                              {numbers_in(c.at("head")), c.at("predictor-hidden"),
                               norms.at(c.value("head-norm", "all"))});
  }

  template <class Policies = method::policies>
  [[nodiscard]] method::policy_values<Policies> values(typename Policies::patches patches) const {
    const json& c = config;
    decltype(Policies::online_update::optimizer) optimizer;
    optimizer.weight_decay = c.at("weight-decay");
    if constexpr (requires { optimizer.beta1; }) {
      optimizer.beta1 = c.at("beta1");
      optimizer.beta2 = c.at("beta2");
      optimizer.epsilon = c.at("epsilon");
    } else {
      optimizer.momentum = c.at("momentum");
    }
    return {.online_update = {.optimizer = optimizer, .clip_norm = c.at("clip-norm")},
            .momentum_update = {.momentum = c.at("momentum-m")},
            .patches = std::move(patches)};
  }
  [[nodiscard]] patches::grid patches() const {
    return patches::grid(config.at("grid"), {.k = config.at("combine-k")});
  }

  /// Puts the state before this step into the method, the queue's position too.
  template <class Method>
  void load(Method& m) const {
    for (const auto& arena : m.arenas()) {
      train::upload(m.backend(), arena, [&](const std::string& name) {
        return all.at(arena.role == method::arena_role::memory ? name + "/before"
                                                               : "before/" + name);
      });
    }
    const std::int64_t pushed = index() * m.pushed_rows(config.at("batch"));
    const std::int64_t size = config.at("queue");
    m.restore_counters({size > 0 ? pushed % size : 0, pushed});
  }

  /// The views as one batch, channels last.
  [[nodiscard]] std::vector<double> images() const {
    std::vector<double> x;
    for (int view = 1; all.count("view/" + std::to_string(view)) > 0; ++view) {
      const auto v = channels_last(all.at("view/" + std::to_string(view)),
                                   {config.at("batch"), side(), side(), 3});
      x.insert(x.end(), v.begin(), v.end());
    }
    return x;
  }

  /// Runs this step on `x`, from the state in the method, and returns its dump.
  template <class Method>
  [[nodiscard]] tensors run(Method& m, const std::vector<double>& x) const {
    const std::int64_t n = config.at("batch");
    const int views = m.about().views;
    const double base = config.at("lr");
    const double rate = cosine_decay(base, index(), config.at("steps"));
    train::step_dump dump(m);
    const auto report =
        m.step({{views * n, side(), side(), 3, views}, x.data()},
               {.step = index(),
                .learning_rate = rate,
                .predictor_learning_rate = config.at("predictor-lr") == "constant" ? base : rate,
                .seed = config.at("seed")},
               dump.trace());
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

inline bool is_statistic(const std::string& name) {
  return name.ends_with(".running_mean") || name.ends_with(".running_var");
}

/// How far all weights, or all statistics, under `prefix` moved: the root of the sum of squares.
inline double moved(const tensors& dump, const std::string& prefix, bool statistics) {
  double sum = 0;
  for (const auto& [name, before] : dump) {
    if (!name.starts_with("before/" + prefix) || is_statistic(name) != statistics) continue;
    const auto& after = dump.at("after" + name.substr(6));
    for (std::size_t i = 0; i < before.size(); ++i) sum += std::pow(after[i] - before[i], 2);
  }
  return std::sqrt(sum);
}

inline double sum_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum;
}

inline double largest(const std::vector<double>& v) {
  double most = 0;
  for (const double x : v) most = std::max(most, std::abs(x));
  return most;
}

/// The gradients of a dump by the names of their tensors.
inline tensors gradients_in(const tensors& dump) {
  tensors gradients;
  for (const auto& [name, values] : dump) {
    if (name.starts_with("grad/")) gradients[name.substr(5)] = values;
  }
  return gradients;
}

/// Checks which gradients are not zero against an entry of a gradient_reach file.
inline void check_reach(const tensors& gradients, const json& expected) {
  double scale = 0;
  for (const auto& [name, gradient] : gradients) scale = std::max(scale, largest(gradient));
  std::set<std::string> nonzero;
  for (const auto& [name, gradient] : gradients) {
    if (largest(gradient) > 1e-10 * scale) nonzero.insert(name);
  }
  CHECK(nonzero == expected.at("nonzero").get<std::set<std::string>>());
  for (const auto& name : expected.at("unreached").get<std::vector<std::string>>()) {
    INFO(name);
    CHECK(largest(gradients.at(name)) == 0);
  }
  CHECK(gradients.size() == expected.at("nonzero").size() + expected.at("vanishing").size() +
                                expected.at("unreached").size());
}

/// The largest difference, relative to the largest number.
inline double error_of(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = larger(worst, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst / std::max(scale, 1e-3);
}

}  // namespace triptych::test
