// Runs whose batches are shared by ranks (--ranks) or worked off in parts (--micro-batches).
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"
#include "triptych/devices/launcher.hpp"

using namespace triptych::test;

namespace {

/// The losses of all steps of a run.
std::vector<double> losses_of(const tiny_run& run) {
  std::vector<double> losses;
  std::istringstream lines(text_of(run.root() / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    losses.push_back(nlohmann::json::parse(line).at("loss").get<double>());
  }
  return losses;
}

words on(int ranks) { return {"--ranks", std::to_string(ranks)}; }

}  // namespace

TEST_CASE("A run on ranks has the bits of another one, whatever the threads, and after a resume") {
  const tiny_run run, other;
  REQUIRE(run.train(tiny_options + on(2) + words{"--threads", "1"}).code == 0);
  REQUIRE(other.train(tiny_options + on(2) + words{"--threads", "3", "--max-steps", "7"}).code ==
          0);
  REQUIRE(call_app({"train", "--quiet", "--resume", other.root().string()}).code == 0);
  auto left = outcome(other);
  const auto same = [&](const std::string& name) {  // but for the place
    return std::regex_replace(left.at(name), std::regex(other.root().parent_path().string()),
                              run.root().parent_path().string());
  };
  for (const char* name : {"MANIFEST.json", "config.toml"}) left[name] = same(name);
  CHECK(differing(outcome(run), left) == words{});
}

TEST_CASE("The first step of a run is the same on any number of ranks") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  for (const int ranks : {2, 4, 8}) {
    const tiny_run other;
    REQUIRE(other.train(tiny_options + on(ranks)).code == 0);
    const auto a = losses_of(run), b = losses_of(other);
    REQUIRE(b.size() == a.size());
    CHECK(b.front() == Approx(a.front()).epsilon(1e-4));
    CHECK(std::isfinite(b.back()));
    const auto environment = nlohmann::json::parse(text_of(other.root() / "environment.json"));
    CHECK(environment.dump().find("\"ranks\":\"" + std::to_string(ranks) + "\"") !=
          std::string::npos);
  }
}

TEST_CASE("A run goes on with another number of ranks") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  for (const auto& more : {on(4) + words{"--max-steps", "9"}, on(2) + words{"--max-steps", "16"}}) {
    const auto result = call_app(words{"train", "--quiet", "--resume", run.root().string()} + more);
    INFO(result.err);
    REQUIRE(result.code == 0);
  }
  CHECK(run.status().at("step") == 16);
  CHECK(losses_of(run).size() == 16);
}

TEST_CASE("A run on ranks that is asked to stop saves and goes on") {
  const tiny_run run;
  running_app app(TRIPTYCH_APP, run.line(longer + on(2)));
  REQUIRE(run.reaches(5, app));
  app.send(SIGTERM);
  CHECK(app.wait().code == 128 + SIGTERM);
  CHECK(run.status().at("state") == "interrupted");
  const auto done = run.status().at("step").get<int>();
  CHECK(done >= 5);
  REQUIRE(run.train(words{"--resume", "--max-steps", std::to_string(done + 3)}).code == 0);
  CHECK(run.status().at("step") == done + 3);
}

TEST_CASE("A step that is not finite ends all ranks with one sentence") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + on(2) + words{"--max-steps", "4"}).code == 0);
  inject(run, "online.encoder.conv1.weight", std::numeric_limits<float>::quiet_NaN());
  const auto result = call_app(
      {"train", "--quiet", "--resume", run.root().string(), "--max-steps", "16", "--ranks", "4"});
  INFO(result.err);
  CHECK(result.code == 3);
  CHECK(result.err.find("online.encoder.conv1.weight holds NaN") != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(run.status().at("state") == "failed");
}

TEST_CASE("A run in micro-batches starts at the same loss for its batch, and stays one") {
  const tiny_run whole, divided;
  REQUIRE(whole.train(tiny_options + words{"--method", "simclr", "--temperature", "100"}).code ==
          0);
  const auto parts =
      tiny_options + words{"--method", "simclr", "--temperature", "100", "--micro-batches", "4"};
  REQUIRE(divided.train(parts + on(2)).code == 0);
  CHECK(losses_of(divided).front() == Approx(losses_of(whole).front()).epsilon(1e-2));
  CHECK(losses_of(divided).front() != losses_of(whole).front());
  const auto other = divided.train(words{"--resume", "--micro-batches", "2"});
  INFO(other.err);
  CHECK(other.code == 6);
  CHECK(other.err.find("micro-batches") != std::string::npos);
}

TEST_CASE("A launcher is known by its variables, and a job of SLURM is none") {
  const auto found = [](const words& variables) {
    for (const auto& v : variables) {
      const auto at = v.find('=');
      ::setenv(v.substr(0, at).c_str(), v.substr(at + 1).c_str(), 1);
    }
    const auto process = triptych::app::launched_here();
    for (const auto& v : variables) ::unsetenv(v.substr(0, v.find('=')).c_str());
    return process ? std::to_string(process->rank) + " of " + std::to_string(process->size) : "";
  };
  CHECK(found({}).empty());
  CHECK(found({"OMPI_COMM_WORLD_RANK=3", "OMPI_COMM_WORLD_SIZE=4"}) == "3 of 4");
  CHECK(found({"PMI_RANK=0", "PMI_SIZE=2"}) == "0 of 2");
  CHECK(found({"SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=8", "SLURM_NTASKS=9"}) == "1 of 8");
  CHECK(found({"SLURM_PROCID=0", "SLURM_NTASKS=8"}).empty());  // a script of the job
  CHECK(found({"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}).empty());
  for (const char* nonsense : {"4", "-1", "x", "", "1x"}) {
    CHECK(found({std::string("PMI_RANK=") + nonsense, "PMI_SIZE=4"}).empty());
  }
}

TEST_CASE("What ranks cannot do is refused in a sentence, and nothing is written") {
  const tiny_run run;
  const auto refused = [&](const words& more, const std::string& named) {
    const auto result = run.train(tiny_options + more);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.err.find(named) != std::string::npos);
    CHECK_FALSE(fs::exists(run.root()));
  };
  refused(on(3), "ranks: 3 (from flag --ranks) cannot share a batch of 16 (from flag --batch) "
                 "equally; give a --batch divisible by them");
  refused(on(2) + words{"--backend", "reference"},
          "not with --backend reference (from flag --backend); give --ranks 1");
  refused(on(8) + words{"--method", "moco", "--bn-splits", "3", "--batch", "24"},
          "cannot share 3 parts of a batch (from flag --bn-splits) equally; take 3 ranks");
  refused(on(2) + words{"--dump-step", run.beside("step").string()}, "dump it with --ranks 1");
  refused({"--ranks", "0"}, "--ranks");
  refused(
      on(2) + words{"--micro-batches", "3"},
      "3 (from flag --micro-batches) do not divide the 8 images of a batch (from flag --batch)");
  refused(words{"--micro-batches", "2", "--method", "moco", "--bn-splits", "2"},
          "give --bn-splits 1");
}
