// The command `compare`: what runs were configured with, and what came of it, side by side.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/comparison.hpp"
#include "triptych/commands/statistics.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

namespace {

/// Five significant digits, or two places of a percentage.
std::string short_number(double x, bool percent) {
  if (percent) return fixed(x, 2);
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", x);
  return text;
}

/// "62.40 +- 0.31 (3)": mean, deviation and number of runs.
std::string summary_text(const run_group& group, const std::string& measure, bool percent) {
  const auto s = summarize(group.values_of(measure));
  if (s.count == 0) return "-";
  const auto mean = short_number(s.mean, percent);
  if (!s.deviation) return mean;
  return mean + " +- " + short_number(*s.deviation, percent) + " (" + std::to_string(s.count) + ")";
}

/// "+1.20 (+0.31 to +2.09)"
std::string gain_text(const std::optional<paired_gain>& gain, bool percent) {
  if (!gain) return "-";
  const auto text = [&](double x) { return (x < 0 ? "" : "+") + short_number(x, percent); };
  if (!gain->half_interval) return text(gain->mean);
  return text(gain->mean) + " (" + text(gain->mean - *gain->half_interval) + " to " +
         text(gain->mean + *gain->half_interval) + ")";
}

/// The titles of a table with a column for each group from the given one on.
std::vector<std::string> titles(const std::string& first, const std::vector<run_group>& groups,
                                std::size_t from = 0) {
  std::vector<std::string> row{first};
  for (std::size_t i = from; i < groups.size(); ++i) row.push_back(groups[i].name);
  return row;
}

bool is_percent(const std::string& measure) { return measure == "knn_top1"; }

void print_comparison(const std::vector<run_group>& groups) {
  table runs({"", "seed", "run"}, false);
  for (const auto& group : groups) {
    for (const auto& run : group.runs) {
      runs.add({group.name, std::to_string(run.options.seed), run.path.string()});
    }
  }
  std::cout << runs << "\n";
  const auto differing = option_differences(groups);
  if (differing.empty()) {
    std::cout << "the configurations differ in nothing but seeds\n";
  } else {
    table options(titles("option", groups), false);
    for (const auto& [option, values] : differing) {
      std::vector<std::string> row{option};
      for (const auto& value : values) row.push_back(value.empty() ? "-" : value);
      options.add(row);
    }
    std::cout << options;
  }
  const auto [accuracies, metrics] = measures_of(groups);
  const auto show = [&](const std::string& title, const std::vector<std::string>& names,
                        bool percent) {
    if (names.empty()) return;
    table numbers(titles(title, groups), false);
    for (const auto& name : names) {
      std::vector<std::string> row{name};
      for (const auto& group : groups) {
        row.push_back(summary_text(group, name, percent || is_percent(name)));
      }
      numbers.add(row);
    }
    std::cout << "\n" << numbers;
    if (groups.size() == 1) return;
    table gains(titles("less " + groups.front().name + ", seed by seed", groups, 1), false);
    bool any = false;
    for (const auto& name : names) {
      std::vector<std::string> row{name};
      for (std::size_t i = 1; i < groups.size(); ++i) {
        const auto gain = gain_over(groups.front(), groups[i], name);
        any |= gain.has_value();
        row.push_back(gain_text(gain, percent || is_percent(name)));
      }
      gains.add(row);
    }
    if (any) std::cout << "\n" << gains;
  };
  show("top-1 %", accuracies, true);
  show("last metrics", metrics, false);
}

std::string numbers_json(const std::map<std::string, double>& numbers) {
  std::string text;
  for (const auto& [name, value] : numbers) {
    text += (text.empty() ? "" : ", ") + io::json_string(name) + ": " + json_number(value);
  }
  return "{" + text + "}";
}

std::string group_json(const run_group& group) {
  return "{\"group\": " + io::json_string(group.name) + ", \"runs\": [" +
         joined(group.runs,
                [](const compared_run& run) {
                  return "{\"run\": " + io::json_string(run.path.string()) +
                         ", \"seed\": " + std::to_string(run.options.seed) +
                         ", \"top1\": " + numbers_json(run.accuracies) +
                         ", \"metrics\": " + numbers_json(run.metrics) + "}";
                }) +
         "]}";
}

std::string gain_json(const run_group& reference, const run_group& group, const std::string& name,
                      const paired_gain& gain) {
  const auto bound = [&](double sign) {
    return gain.half_interval ? json_number(gain.mean + sign * *gain.half_interval) : "null";
  };
  return "{\"group\": " + io::json_string(group.name) +
         ", \"less\": " + io::json_string(reference.name) +
         ", \"measure\": " + io::json_string(name) + ", \"seeds\": [" +
         joined(gain.seeds, [](std::uint64_t seed) { return std::to_string(seed); }) +
         "], \"mean\": " + json_number(gain.mean) + ", \"low\": " + bound(-1) +
         ", \"high\": " + bound(1) + "}";
}

std::string comparison_json(const std::vector<run_group>& groups) {
  std::string options, gains;
  for (const auto& [option, values] : option_differences(groups)) {
    options += (options.empty() ? "" : ", ") + io::json_string(option) + ": [" +
               joined(values, [](const std::string& value) { return io::json_string(value); }) +
               "]";
  }
  auto [names, metrics] = measures_of(groups);
  names.insert(names.end(), metrics.begin(), metrics.end());
  for (const auto& name : names) {
    for (std::size_t i = 1; i < groups.size(); ++i) {
      if (const auto gain = gain_over(groups.front(), groups[i], name)) {
        gains +=
            (gains.empty() ? "" : ",\n    ") + gain_json(groups.front(), groups[i], name, *gain);
      }
    }
  }
  return "{\n  \"options\": {" + options + "},\n  \"groups\": [\n    " +
         joined(groups, group_json, ",\n    ") + "\n  ],\n  \"paired\": [" +
         (gains.empty() ? "" : "\n    " + gains + "\n  ") + "]\n}\n";
}

}  // namespace

int compare(const compare_options& options) {
  std::vector<compared_run> runs;
  for (const auto& path : options.runs) runs.push_back(read_compared(path));
  const auto groups = grouped(std::move(runs));
  if (options.json) {
    std::cout << comparison_json(groups);
  } else {
    print_comparison(groups);
  }
  return 0;
}

}  // namespace triptych::app
