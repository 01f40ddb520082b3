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
#include <vector>

#include <triptych/io/event_log.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/metrics_log.hpp>

#include "triptych/commands/metrics_file.hpp"

namespace triptych::app {

class tensorboard {
 public:
  /// Begins the events of the run in `directory` with the records that its metrics hold.
  tensorboard(const std::filesystem::path& directory, const std::string& config,
              const std::vector<metrics_record>& records)
      : zero_(now() - seconds_of(records)),
        log_(directory, {{"configuration", "```toml\n" + config + "```\n"}}, points(records)) {}

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

  static double seconds_of(const std::vector<metrics_record>& records) {
    return records.empty() ? 0 : records.back().seconds.value_or(0);
  }

  [[nodiscard]] std::vector<io::event> points(const std::vector<metrics_record>& records) const {
    std::vector<io::event> all;
    for (const auto& r : records) {
      all.push_back({r.step, zero_ + r.seconds.value_or(0), r.numbers});
    }
    return all;
  }

  double zero_;  ///< when training had begun, if it had never paused
  io::event_log log_;
};

}  // namespace triptych::app
