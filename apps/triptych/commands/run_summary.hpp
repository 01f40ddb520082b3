// apps/triptych/commands/run_summary.hpp
//
// A run at a glance: what it is, how far it came, and what it was found to be worth. Small files
// and the end of the metrics are read, no checkpoint and no image; what is damaged is said and does
// not keep the rest from being read.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/owned_names.hpp>

#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/run_status.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/toml.hpp"

namespace triptych::app {

/// An accuracy, and what measured it.
struct recorded_accuracy {
  double top1 = 0;
  std::string by;
};

struct run_summary {
  std::filesystem::path path{};
  std::string method{}, data{}, seed{}, epochs{};  ///< as config.toml has them
  std::string state{};  ///< as status.json has it; "killed": it says running and nobody works on it
  std::string reason{};  ///< of the state
  std::int64_t step = 0;
  std::optional<std::int64_t> epoch{};          ///< that it is in, from 1
  std::optional<double> loss{};                 ///< the last one recorded
  std::optional<recorded_accuracy> accuracy{};  ///< the best one recorded
  std::uint64_t bytes = 0;                      ///< of all its files
  std::string damage{};                         ///< what could not be read, and why; empty: nothing
  std::optional<error> refused{};               ///< that, where it was the file system
};

/// Whether a run lies there, or what is left of one: of what training writes, two things or a
/// status.json. A table has a config.toml, too, and checkpoints are anybody's.
inline bool holds_run(const std::filesystem::path& path) {
  if (io::is_there(path / "status.json")) return true;
  const bool configured = io::is_there(path / "config.toml"),
             saved = io::is_there(path / "checkpoints");
  return (configured && saved) ||
         ((configured || saved) && io::owned_names(path).has("status.json"));
}

namespace summary_detail {

/// The last whole line of a file; empty where there is none. One that is far longer than a record of
/// the metrics is refused.
inline std::string last_line(const std::filesystem::path& path) {
  constexpr std::uint64_t usual = 1u << 14, longest = 1u << 26;
  const auto input = io::open_input(path);
  for (auto length = usual; length <= longest; length *= 2) {
    std::string tail(std::min(input.size, length), '\0');
    io::read_at(input, input.size - tail.size(), std::as_writable_bytes(std::span(tail)));
    const bool all = tail.size() == input.size;
    const auto end = tail.rfind('\n');
    if (end == tail.npos && all) return {};  // torn
    const auto before = end == 0 || end == tail.npos ? tail.npos : tail.rfind('\n', end - 1);
    if (end == tail.npos || (before == tail.npos && !all)) continue;
    const auto begin = before == tail.npos ? 0 : before + 1;
    return tail.substr(begin, end - begin);
  }
  throw error::checkpoint(path.string() + " ends with no record of metrics; move the file away, "
                                          "then continue the run");
}

/// The best of the numbers that a column of the metrics holds. The text is searched, not parsed,
/// for it may be long.
inline std::optional<double> best_of_column(const std::filesystem::path& path,
                                            const std::string& column) {
  const auto contents = io::read_file(path, io::any_length);
  const std::string key = "\"" + column + "\":";
  std::optional<double> best;
  std::string_view rest = contents.text();
  for (auto at = rest.find(key); at != rest.npos; at = rest.find(key)) {
    rest.remove_prefix(at + key.size());
    const auto number = io::number_in<double>(rest.substr(0, rest.find_first_of(",}")));
    if (number) best = std::max(best.value_or(*number), *number);
  }
  return best;
}

/// Calls visit(path, status) for the entries of a directory. What vanishes meanwhile is left out.
/// Throws error::io.
template <class Visit>
void each_entry(const std::filesystem::path& directory, const Visit& visit) {
  for (const auto& name : io::names_in(directory)) {
    struct stat found {};
    const auto path = directory / name;
    if (::lstat(path.c_str(), &found) == 0) {
      visit(path, found);
    } else if (errno != ENOENT) {
      io::throw_io("look at", path, errno);
    }
  }
}

/// What all files below a directory have. Throws error::io.
inline std::uint64_t size_of(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  each_entry(directory, [&](const std::filesystem::path& path, const struct stat& found) {
    if (S_ISREG(found.st_mode)) bytes += static_cast<std::uint64_t>(found.st_size);
    if (S_ISDIR(found.st_mode)) bytes += size_of(path);
  });
  return bytes;
}

/// The number of what is counted from 0, from 1 on.
inline std::int64_t ordinal(const io::json_fields& fields, const char* key) {
  constexpr double most = 1e15;
  static_cast<void>(fields.number(key, 0, most));
  return fields.count(key) + 1;
}

/// Throws error::checkpoint where a file of a run is not there.
inline std::filesystem::path required(const std::filesystem::path& path) {
  if (io::is_there(path)) return path;
  throw error::checkpoint(path.filename().string() + " is missing; continue the run");
}

}  // namespace summary_detail

/// The best accuracy of trained features, with all labels; of linear evaluation its last epoch.
inline std::optional<recorded_accuracy> best_of(const evaluation& e) {
  std::optional<recorded_accuracy> best;
  for (const auto& r : e.results) {
    if (r.features != "trained" || r.label_fraction || r.protocol == best_epoch_name) continue;
    if (!best || r.accuracy.top1 > best->top1) best = {r.accuracy.top1, r.protocol};
  }
  return best;
}

/// Throws nothing for what a run may be.
inline run_summary summary_of(const std::filesystem::path& path) {
  run_summary s{.path = path};
  const auto attempt = [&](const auto& read) {
    try {
      read();
    } catch (const error& failure) {
      if (s.damage.empty()) s.damage = without_advice(failure);
      if (failure.kind() == error_kind::io && !s.refused) s.refused = failure;
    }
  };
  bool neighbors = false;
  attempt([&] {
    const auto config = summary_detail::required(path / "config.toml");
    const auto text = io::read_file(config);
    for (const auto& value : parse_config(text.text(), config.string())) {
      if (value.name == "method") s.method = value.text;
      if (value.name == "data") s.data = value.text;
      if (value.name == "seed") s.seed = value.text;
      if (value.name == "epochs") s.epochs = value.text;
      if (value.name == "knn-every") neighbors = value.text != "0";
    }
  });
  attempt([&] {
    static_cast<void>(summary_detail::required(path / "status.json"));
    const auto status = read_status(path, "");
    s.state = status.killed() ? "killed" : status.state;
    s.reason = status.reason;
    s.step = status.step;
  });
  const auto metrics = path / "metrics.jsonl";
  attempt([&] {
    if (!io::is_there(metrics)) return;
    const auto line = summary_detail::last_line(metrics);
    if (line.empty()) return;
    const auto json = io::parse_json_object(line, metrics.string(), "");
    const io::json_fields fields(json, metrics.string(), "");
    constexpr double most = std::numeric_limits<double>::max();
    s.loss = fields.measured("loss", -most, most);
    s.epoch = summary_detail::ordinal(fields, "epoch");
  });
  attempt([&] {
    if (io::is_there(path / "eval.json"))
      s.accuracy = best_of(read_evaluation(path / "eval.json", ""));
    if (s.accuracy || !neighbors || !io::is_there(metrics)) return;
    const auto best = summary_detail::best_of_column(metrics, "knn_top1");
    if (best) s.accuracy = {*best, "kNN in training"};
  });
  attempt([&] { s.bytes = summary_detail::size_of(path); });
  return s;
}

struct found_runs {
  std::vector<std::filesystem::path> paths{};  ///< ascending
  std::optional<error> refused{};  ///< the first directory that could not be looked into
};

/// The runs in a directory and those below it; links are not followed. A directory that is a run is
/// the only one.
inline found_runs runs_in(const std::filesystem::path& directory) {
  constexpr int deepest = 8;
  found_runs found;
  const auto look = [&](const auto& self, const std::filesystem::path& place, int depth) -> void {
    try {
      if (holds_run(place)) {
        found.paths.push_back(place);
      } else if (depth < deepest) {
        summary_detail::each_entry(
            place, [&](const std::filesystem::path& path, const struct stat& entry) {
              if (S_ISDIR(entry.st_mode)) self(self, path, depth + 1);
            });
      }
    } catch (const error& failure) {
      if (failure.kind() != error_kind::io) throw;
      if (!found.refused) found.refused = failure;
    }
  };
  look(look, directory, 0);
  std::sort(found.paths.begin(), found.paths.end());
  return found;
}

}  // namespace triptych::app
