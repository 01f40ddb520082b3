// The command `runs`: the runs below a directory, a line each.
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/run_summary.hpp"
#include "triptych/commands/statistics.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

/// "interrupted in epoch 3 of 20 (signal 15)"
std::string state_text(const run_summary& s) {
  if (!s.damage.empty()) return "damaged: " + s.damage;
  std::string text = s.state;
  const bool whole = s.state == "done" && s.reason.empty();
  if (whole) {
    text += ", " + s.epochs + (s.epochs == "1" ? " epoch" : " epochs");
  } else if (s.epoch) {
    text += " in epoch " + std::to_string(*s.epoch) + " of " + s.epochs;
  } else {
    text += " at step " + std::to_string(s.step);
  }
  return text + (s.reason.empty() ? "" : " (" + s.reason + ")");
}

std::string name_in(const fs::path& directory, const fs::path& run) {
  const auto shorter = run.lexically_relative(directory);
  return shorter.empty() || shorter == "." ? run.string() : shorter.string();
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

void print_runs(const fs::path& directory, const std::vector<run_summary>& all) {
  table t({"run", "method", "data", "seed", "loss", "top-1 %", "by", "size", "state"}, false);
  for (const auto& s : all) {
    t.add({name_in(directory, s.path), or_dash(s.method), or_dash(s.data), or_dash(s.seed),
           s.loss ? fixed(*s.loss, 4) : "-", s.accuracy ? fixed(s.accuracy->top1, 2) : "-",
           s.accuracy ? s.accuracy->by : "-", size_text(static_cast<double>(s.bytes)),
           state_text(s)});
  }
  std::cout << t;
}

std::string summary_json(const run_summary& s) {
  const auto text = [](const std::string& value) {
    return value.empty() ? std::string("null") : io::json_string(value);
  };
  const auto whole = [&](const std::string& value) {
    const auto number = io::number_in<std::uint64_t>(value);
    return number ? std::to_string(*number) : text(value);  // 007 is no JSON
  };
  return "{\"run\": " + io::json_string(s.path.string()) + ", \"method\": " + text(s.method) +
         ", \"data\": " + text(s.data) + ", \"seed\": " + whole(s.seed) +
         ", \"state\": " + text(s.state) + ", \"reason\": " + text(s.reason) +
         ", \"step\": " + std::to_string(s.step) +
         ", \"epoch\": " + (s.epoch ? std::to_string(*s.epoch) : "null") +
         ", \"epochs\": " + whole(s.epochs) + ", \"loss\": " + json_number(s.loss) +
         ", \"top1\": " + json_number(s.accuracy ? std::optional(s.accuracy->top1) : std::nullopt) +
         ", \"judged_by\": " + text(s.accuracy ? s.accuracy->by : "") +
         ", \"bytes\": " + std::to_string(s.bytes) + ", \"damage\": " + text(s.damage) + "}";
}

}  // namespace

int list_runs(const runs_options& options) {
  const fs::path directory = options.dir;
  if (!io::is_a_directory(directory)) {
    throw error::usage("dir: there is no directory '" + options.dir + "' (from " +
                       options.from.of("dir") +
                       "); give one that runs lie in, e.g. triptych runs "
                       "runs");
  }
  auto [paths, refused] = runs_in(directory);
  std::vector<run_summary> all;
  for (const auto& path : paths) {
    all.push_back(summary_of(path));
    if (!refused) refused = all.back().refused;
  }
  if (options.json) {
    std::cout << "{\"runs\": [" << joined(all, summary_json, ",\n  ") << "]}\n";
  } else if (all.empty()) {
    std::cout << "no runs in " << printable(directory.string()) << "\n";
  } else {
    print_runs(directory, all);
  }
  if (refused) throw *refused;  // the list may not be whole
  return 0;
}

}  // namespace triptych::app
