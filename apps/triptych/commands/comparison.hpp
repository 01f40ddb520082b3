// apps/triptych/commands/comparison.hpp
//
// Runs side by side: those whose configuration differs in nothing but the seed are a group, and two
// groups are compared by the seeds that they share, seed by seed, for what the seeds do to both
// cancels.
//
// Source of the interval: Student's t of paired differences (Student, "The probable error of a
// mean", 1908).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/metrics_file.hpp"
#include "triptych/commands/run_summary.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/commands/statistics.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/declared.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// A run as it is compared: how it was configured, and its numbers by their names.
struct compared_run {
  std::filesystem::path path{};
  train_options options{};
  std::map<std::string, double> metrics{};     ///< the last value of each column
  std::map<std::string, double> accuracies{};  ///< of trained features, top-1, by protocol

  [[nodiscard]] std::optional<double> value_of(const std::string& measure) const {
    for (const auto* numbers : {&metrics, &accuracies}) {
      const auto found = numbers->find(measure);
      if (found != numbers->end()) return found->second;
    }
    return {};
  }
};

/// Runs that differ in nothing but the seed.
struct run_group {
  std::string name{};  ///< "A", "B", ...
  std::vector<compared_run> runs{};

  /// A measure of every run that has it, in their order.
  [[nodiscard]] by_seed values_of(const std::string& measure) const {
    by_seed all;
    for (const auto& run : runs) all.push_back(run.value_of(measure));
    return all;
  }

  /// By the seeds of the runs; of equal seeds the first run that has it counts.
  [[nodiscard]] std::map<std::uint64_t, double> by_seeds(const std::string& measure) const {
    std::map<std::uint64_t, double> all;
    for (const auto& run : runs) {
      if (const auto value = run.value_of(measure)) all.emplace(run.options.seed, *value);
    }
    return all;
  }
};

/// An option that is not the same in all groups, with its value in each.
struct option_difference {
  std::string option;
  std::vector<std::string> values;
};

/// What a group has more of than another one.
struct paired_gain {
  std::vector<std::uint64_t> seeds;     ///< that both have
  double mean = 0;                      ///< of the differences
  std::optional<double> half_interval;  ///< the 95 % interval is mean -+ this; of two seeds or more
};

/// Reads a run. Throws error::usage where there is none, and error::checkpoint for a damaged one.
inline compared_run read_compared(const std::filesystem::path& path) {
  if (!io::is_a_directory(path) || !holds_run(path)) {
    throw error::usage("there is no run in " + path.string() +
                       "; give run directories, e.g. those that triptych runs lists");
  }
  compared_run run{.path = path};
  const std::string advice = "leave this run out";
  run.options = config_of(path, advice);
  each_record(path, [&](const io::json_fields& fields, const nlohmann::json& json) {
    static_cast<void>(record_of(fields));
    each_number(json, [&](const std::string& name, double number) { run.metrics[name] = number; });
  });
  if (io::is_there(path / "eval.json")) {
    for (const auto& r : read_evaluation(path / "eval.json", advice).results) {
      if (r.features == "trained" && !r.label_fraction && r.protocol != best_epoch_name) {
        run.accuracies.emplace(r.protocol, r.accuracy.top1);
      }
    }
  }
  return run;
}

/// Groups in the order of their first runs, each by ascending seed.
inline std::vector<run_group> grouped(std::vector<compared_run> runs) {
  std::vector<run_group> groups;
  for (auto& run : runs) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const run_group& group) {
      auto other = group.runs.front().options;
      other.seed = run.options.seed;
      return differences(other, run.options).empty();
    });
    if (same != groups.end()) {
      same->runs.push_back(std::move(run));
      continue;
    }
    constexpr std::size_t letters = 26;
    const auto n = groups.size();
    const std::string letter(1, static_cast<char>('A' + n % letters));
    groups.push_back({letter + (n < letters ? "" : std::to_string(n / letters)), {}});
    groups.back().runs.push_back(std::move(run));
  }
  for (auto& group : groups) {
    std::stable_sort(group.runs.begin(), group.runs.end(),
                     [](const auto& a, const auto& b) { return a.options.seed < b.options.seed; });
  }
  return groups;
}

/// The options that change what is computed and are not the same everywhere, but for the seed.
inline std::vector<option_difference> option_differences(const std::vector<run_group>& groups) {
  std::vector<option_difference> all;
  for (const auto& s : train_settings()) {
    if (s.use != role::result || s.name == "seed") continue;
    option_difference one{s.name, {}};
    for (const auto& group : groups)
      one.values.push_back(s.value.write(group.runs.front().options));
    const auto& first = one.values.front();
    const bool same = std::all_of(one.values.begin(), one.values.end(),
                                  [&](const std::string& value) { return value == first; });
    if (!same) all.push_back(std::move(one));
  }
  return all;
}

/// The names of all numbers that some run has: accuracies, then metrics.
inline std::pair<std::vector<std::string>, std::vector<std::string>>
measures_of(const std::vector<run_group>& groups) {
  std::pair<std::vector<std::string>, std::vector<std::string>> names;
  const auto add = [](std::vector<std::string>& to, const std::map<std::string, double>& from) {
    for (const auto& [name, value] : from) {
      if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
    }
  };
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      add(names.first, run.accuracies);
      add(names.second, run.metrics);
    }
  }
  return names;
}

/// `group` less `reference`, by the seeds that both have; nothing where there is none.
inline std::optional<paired_gain> gain_over(const run_group& reference, const run_group& group,
                                            const std::string& measure) {
  const auto before = reference.by_seeds(measure);
  paired_gain gain;
  by_seed each;
  for (const auto& [seed, value] : group.by_seeds(measure)) {
    const auto other = before.find(seed);
    if (other == before.end()) continue;
    gain.seeds.push_back(seed);
    each.push_back(value - other->second);
  }
  if (gain.seeds.empty()) return std::nullopt;
  const auto s = summarize(each);
  gain.mean = s.mean;
  if (s.deviation) {
    const auto n = static_cast<double>(s.count);
    gain.half_interval = student_t_95(static_cast<int>(s.count) - 1) * *s.deviation / std::sqrt(n);
  }
  return gain;
}

}  // namespace triptych::app
