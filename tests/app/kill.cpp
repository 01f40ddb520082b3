// Runs that are killed, stopped by signals or started twice, and go on to the same end.
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
using std::chrono::duration;
using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

namespace {

/// The outcome of the run in this directory that nobody disturbed; the directory is free again.
std::map<std::string, std::string> undisturbed(const tiny_run& run, const words& options) {
  const auto result = run.train(options);
  INFO(result.err);
  REQUIRE(result.code == 0);
  auto left = outcome(run);
  fs::remove_all(run.root());
  return left;
}

/// Goes on with a run to its end, which must be `expected`.
void check_end(const tiny_run& run, const std::map<std::string, std::string>& expected,
               const words& options = tiny_options) {
  const auto result = call_app(run.resuming(options));
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
  CHECK(run.status()["state"] == "done");
}

}  // namespace

TEST_CASE("A run killed or stopped at random times goes on to the same bytes") {
  const tiny_run run;
  const auto start = clock_type::now();
  const auto expected = undisturbed(run, tiny_options);
  const double whole = duration<double>(clock_type::now() - start).count();
  std::mt19937 random(2306);
  int killed = 0;
  for (int attempt = 0; killed < 12 && attempt < 80; ++attempt) {
    const int signal = attempt % 4 == 1 ? SIGINT : attempt % 4 == 3 ? SIGTERM : SIGKILL;
    const double share = 0.05 + 0.9 * static_cast<double>(random()) / 4294967296.0;
    running_app program(TRIPTYCH_APP, run.resuming());
    std::this_thread::sleep_for(duration<double>(whole * share));
    program.send(signal);
    const auto result = program.wait();
    INFO("signal " << signal << ": " << result.err);
    if (result.code == 128 + signal) {
      killed += signal == SIGKILL ? 1 : 0;
    } else {  // it was faster: compare, and start over
      CHECK(result.code == 0);
      check_end(run, expected);
      fs::remove_all(run.root());
    }
  }
  CHECK(killed >= 10);
  check_end(run, expected);
}

TEST_CASE("A run killed at any step of saving goes on to the same bytes") {
  const tiny_run run;
  const auto expected = undisturbed(run, tiny_options);
  for (const std::string name : {"begun", "files", "manifest", "renamed", "latest", "pruned"}) {
    for (const std::string passage : {"1", "3", "5"}) {  // the first, one on the way, and the last
      const std::string point = "checkpoint." + name + "#" + passage;
      INFO(point);
      CHECK(run.train(tiny_options, {"TRIPTYCH_FAILPOINT=" + point}).code == 128 + SIGKILL);
      check_end(run, expected);
      fs::remove_all(run.root());
    }
  }
}

TEST_CASE("A run killed at any write goes on to the same bytes, also before its first checkpoint") {
  const tiny_run run;
  const auto expected = undisturbed(run, tiny_options);
  int killed = 0;
  for (int passage = 1;; passage += passage < 24 ? 5 : 61) {
    INFO("passage " << passage);
    const auto result =
        run.train(tiny_options, {"TRIPTYCH_FAILPOINT=*#" + std::to_string(passage)});
    if (result.code == 0) break;
    CHECK(result.code == 128 + SIGKILL);
    ++killed;
    check_end(run, expected);
    fs::remove_all(run.root());
  }
  CHECK(killed >= 10);
}

TEST_CASE("A run that is asked to stop saves, says so, and goes on to the same bytes") {
  const tiny_run run;
  const auto expected = undisturbed(run, longer);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    running_app program(TRIPTYCH_APP, run.line(longer));
    REQUIRE(run.reaches(5, program));
    program.send(signal);
    const auto result = program.wait();
    CHECK(result.code == 128 + signal);
    CHECK(run.status()["state"] == "interrupted");
    CHECK(triptych::io::checkpoint_name(run.status()["step"]) == run.latest().filename().string());
    CHECK(run.status()["step"] >= 5);
    check_end(run, expected, longer);
    fs::remove_all(run.root());
  }
}

TEST_CASE("A second signal ends a run at once") {
  const tiny_run run;
  const auto expected = undisturbed(run, longer);
  running_app program(TRIPTYCH_APP, run.line(longer));
  REQUIRE(run.reaches(5, program));
  program.send(SIGSTOP);  // so that both arrive within one step
  program.send(SIGINT);
  program.send(SIGTERM);
  program.send(SIGCONT);
  const auto result = program.wait();
  CHECK((result.code == 128 + SIGINT || result.code == 128 + SIGTERM));
  CHECK(run.status()["state"] == "running");  // nothing more was written
  check_end(run, expected, longer);
}

TEST_CASE("SIGUSR1 asks for a checkpoint, and the run goes on") {
  const tiny_run run;
  const words seldom = tiny_model + words{"--epochs", "24", "--checkpoint-every", "1000"};
  const auto expected = undisturbed(run, seldom);
  running_app program(TRIPTYCH_APP, run.line(seldom));
  REQUIRE(run.reaches(5, program));
  program.send(SIGUSR1);
  CHECK(program.wait().code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
  const auto kept = triptych::io::list_checkpoints(run.checkpoints());
  REQUIRE(kept.size() == 2);
  CHECK(kept.begin()->first >= 5);  // it took the place of the one at the start
  CHECK(kept.rbegin()->first == 96);
}

TEST_CASE("A run in use is busy at once, and free as soon as its process is killed") {
  const tiny_run run;
  const words endless = tiny_model + words{"--epochs", "100000", "--checkpoint-every", "1000"};
  running_app first(TRIPTYCH_APP, run.line(endless));
  REQUIRE(run.reaches(3, first));
  for (const words& how : {words{}, words{"--resume"}, words{"--overwrite"}}) {
    const auto start = clock_type::now();
    const auto second = run.train(endless + how);
    CHECK(second.code == 4);
    CHECK(second.err.find("is in use by process") != std::string::npos);
    CHECK(clock_type::now() - start < std::chrono::seconds(10));  // it waits for nothing
  }
  first.send(SIGKILL);
  CHECK(first.wait().code == 128 + SIGKILL);
  CHECK(run.train({"--resume", "--max-steps", "5"}).code == 0);
}

TEST_CASE("A lock file that was removed lets no second process in") {
  const tiny_run run;
  running_app first(TRIPTYCH_APP, run.line(longer));
  REQUIRE(run.reaches(3, first));
  first.send(SIGSTOP);  // it holds what it holds meanwhile
  fs::remove(run.root() / "lock");
  CHECK(run.train({"--resume"}).code == 4);
  first.send(SIGCONT);
  CHECK(first.wait().code == 0);
}

TEST_CASE("A run whose directory is removed ends with a sentence and code 74") {
  for (const bool moved : {false, true}) {
    const tiny_run run;
    // One save, at the end: none is going on now.
    running_app program(TRIPTYCH_APP,
                        run.line(tiny_model + words{"--epochs", "24", "--checkpoint-every", "24"}));
    REQUIRE(run.reaches(3, program));
    program.send(SIGSTOP);
    if (moved) {
      fs::rename(run.root(), run.beside("moved"));
    } else {
      fs::remove_all(run.root());
    }
    program.send(SIGCONT);
    const auto result = program.wait();
    INFO(result.err);
    CHECK(result.code == 74);
    CHECK(result.err.find("was removed or moved away while the run was going on") !=
          std::string::npos);
    CHECK_FALSE(fs::exists(run.root()));
    if (moved) {  // the advice helps
      CHECK(call_app({"train", "--quiet", "--resume", run.beside("moved").string()}).code == 0);
    }
  }
}

TEST_CASE("An evaluation whose run is removed or moved ends with code 74 and makes nothing anew") {
  for (const bool moved : {false, true}) {
    const tiny_run run;
    REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
    running_app program(TRIPTYCH_APP,
                        {"eval", run.root().string(), "--quiet", "--protocol", "linear", "--batch",
                         "16", "--epochs", "20000", "--baselines", "none"});
    while (!fs::exists(run.root() / "eval/linear/latest") && program.runs()) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    program.send(SIGSTOP);
    const auto elsewhere = run.beside("moved");
    fs::rename(run.root(), elsewhere);
    if (!moved) fs::remove_all(elsewhere);
    program.send(SIGCONT);
    const auto result = program.wait();
    INFO(result.err);
    CHECK(result.code == 74);
    // It may have been saving, and then says at which file it missed the directory.
    CHECK((result.err.find("removed or moved away while the evaluation") != std::string::npos ||
           result.err.find("No such file or directory") != std::string::npos));
    CHECK_FALSE(fs::exists(run.root()));
  }
}
