// apps/triptych/commands/tensorboard.hpp
//
// What a run records, for TensorBoard: the numbers of the metrics under their names, and the
// configuration as a text. The metrics decide: a run that goes on writes all of them again.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/io/event_log.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/metrics_log.hpp>

#include "triptych/commands/metrics_file.hpp"

namespace triptych::app {

class tensorboard {
 public:
  /// Begins the events in `directory` with the records that the metrics of `run` hold.
  tensorboard(const std::filesystem::path& directory, const std::string& config,
              const std::filesystem::path& run)
      : tensorboard(directory, config, points_of(run)) {}

  /// A record of the metrics, after so many seconds of training.
  void append(std::int64_t step, double seconds, std::span<const io::metric> metrics) const {
    io::event point{.step = step, .time = zero_ + seconds};
    for (const auto& one : metrics) {
      if (const auto number = io::number_in<double>(one.text)) {
        point.scalars.emplace_back(one.name, *number);
      }
    }
    log_.append(point);
  }

  void sync() const { log_.sync(); }

 private:
  static double now() {
    using namespace std::chrono;
    return duration<double>(system_clock::now().time_since_epoch()).count();
  }

  /// With seconds of training for times.
  tensorboard(const std::filesystem::path& directory, const std::string& config,
              std::vector<io::event> points)
      : zero_(now() - (points.empty() ? 0 : points.back().time)),
        log_(directory, {{"configuration", "```toml\n" + config + "```\n"}},
             begun_at(zero_, std::move(points))) {}

  static std::vector<io::event> points_of(const std::filesystem::path& run) {
    std::vector<io::event> all;
    each_record(run, [&](const io::json_fields& fields, const nlohmann::json& json) {
      const auto record = record_of(fields);
      all.push_back({.step = record.step, .time = record.seconds.value_or(0)});
      each_number(json, [&](const std::string& name, double number) {
        all.back().scalars.emplace_back(name, number);
      });
    });
    return all;
  }

  static std::vector<io::event> begun_at(double zero, std::vector<io::event> points) {
    for (auto& point : points) point.time += zero;
    return points;
  }

  double zero_;  ///< when training had begun, if it had never paused
  io::event_log log_;
};

}  // namespace triptych::app
