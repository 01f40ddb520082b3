// The events of a run are its metrics, whatever happened to it.
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/event_file.hpp"
#include "support/tiny_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

const words with_events = tiny_options + words{"--tensorboard", "--knn-every", "2"};

/// The one event file of a run that is not empty.
event_contents events_of(const tiny_run& run) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run.root() / "tensorboard")) {
    const bool events = entry.path().filename().string().find("tfevents") != std::string::npos;
    if (events && fs::file_size(entry.path()) > 0) {
      files.push_back(entry.path());
    }
  }
  REQUIRE(files.size() == 1);
  return events_in(text_of(files.front()));
}

/// That every number of the metrics is a point, and nothing else is.
void check_events(const tiny_run& run, std::size_t records) {
  std::map<std::pair<std::int64_t, std::string>, float> expected;
  std::istringstream lines(text_of(run.root() / "metrics.jsonl"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto json = nlohmann::json::parse(line);
    for (const auto& [name, value] : json.items()) {
      if (name == "step" || value.is_null()) continue;
      expected[{json["step"].get<std::int64_t>(), name}] = static_cast<float>(value.get<double>());
    }
  }
  CHECK(count == records);
  const auto events = events_of(run);
  CHECK(events.scalars == expected);
  CHECK(std::is_sorted(events.times.begin(), events.times.end()));
  const auto config = text_of(run.root() / "config.toml");
  CHECK(events.texts.at("configuration") == "```toml\n" + config + "```\n");
}

}  // namespace

TEST_CASE("A run's events are its metrics, straight, stopped and resumed") {
  const tiny_run run;
  REQUIRE(run.train(with_events + words{"--max-steps", "6"}).code == 0);
  check_events(run, 6);
  CHECK(events_of(run).scalars.contains({1, "loss_m"}));
  REQUIRE(run.train(run.resuming() + words{"--max-steps", "0"}).code == 0);
  check_events(run, 16);
  CHECK(events_of(run).scalars.contains({8, "knn_top1"}));
  // From an earlier checkpoint: what was recorded after it is gone.
  const auto earlier = run.checkpoints() / "step-000012";
  REQUIRE(run.train(words{"--resume", earlier.string(), "--max-steps", "13"}).code == 0);
  check_events(run, 13);
  REQUIRE(run.train(tiny_options + words{"--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(run.root() / "tensorboard"));
  // Asked for later, they go back to the first step.
  REQUIRE(run.train(words{"--resume", "--tensorboard"}).code == 0);
  check_events(run, 16);
}

TEST_CASE("A run whose disk is full while it writes events goes on to the same ones") {
  for (int write = 2; write < 60; write += 5) {
    INFO(write);
    const tiny_run run;
    const auto full =
        run.train(with_events, {"TRIPTYCH_FAILPOINT=write#" + std::to_string(write) + ":ENOSPC"});
    CHECK(full.code == 74);
    const auto resumed = run.train(
        fs::exists(run.root() / "config.toml") ? words{"--resume", "--tensorboard"} : with_events);
    INFO(resumed.err);
    REQUIRE(resumed.code == 0);
    check_events(run, 16);
  }
}
