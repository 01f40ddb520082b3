// What `triptych runs` says of runs, whole ones and what is left of others.
#include <csignal>
#include <fstream>
#include <map>
#include <string>

#include <fcntl.h>
#include <sys/file.h>

#include <triptych/io/file.hpp>
#include <triptych/io/run_directory.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// The listed runs by their names.
std::map<std::string, nlohmann::json> listed(const fs::path& directory) {
  const auto result = call_app({"runs", directory.string(), "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  std::map<std::string, nlohmann::json> all;
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& one : json["runs"]) {
    all[fs::path(one["run"].get<std::string>()).filename().string()] = one;
  }
  return all;
}

std::string table_of(const fs::path& directory) {
  const auto result = call_app({"runs", directory.string()});
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result.out;
}

void trained(const tiny_run& run, const std::string& name, const words& more = {}) {
  const auto out = (run.beside("all") / name).string();
  const auto done = run.train(tiny_options + words{"--out", out} + more);
  INFO(done.err);
  REQUIRE(done.code == 0);
}

}  // namespace

TEST_CASE("Runs are listed with state, last loss, best accuracy and size") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "done", {"--knn-every", "1", "--seed", "7"});
  trained(run, "group/stopped", {"--max-steps", "6", "--method", "simclr"});
  trained(run, "judged", {"--max-steps", "4"});
  const auto judged = call_app({"eval", (all / "judged").string(), "--protocol", "knn,logistic",
                                "--baselines", "none", "--json", "--quiet"});
  REQUIRE(judged.code == 0);

  const auto runs = listed(all);
  REQUIRE(runs.size() == 3);
  const auto& done = runs.at("done");
  CHECK(done["state"] == "done");
  CHECK(done["damage"].is_null());
  CHECK(done["method"] == "mncl");
  CHECK(done["data"] == "procedural");
  CHECK(done["seed"] == 7);
  CHECK(done["epochs"] == 4);
  CHECK(done["epoch"] == 4);
  CHECK(done["step"] == 16);
  double last = 0, best = 0;
  std::istringstream lines(text_of(all / "done" / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    last = record["loss"].get<double>();
    if (!record["knn_top1"].is_null()) best = std::max(best, record["knn_top1"].get<double>());
  }
  CHECK(done["loss"].get<double>() == last);
  CHECK(done["top1"].get<double>() == best);
  CHECK(done["judged_by"] == "kNN in training");
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(all / "done")) {
    if (entry.is_regular_file() && !entry.is_symlink()) bytes += entry.file_size();
  }
  CHECK(done["bytes"] == bytes);

  const auto& stopped = runs.at("stopped");
  CHECK(stopped["reason"] == "--max-steps 6 of 16");
  CHECK(stopped["epoch"] == 2);
  CHECK(stopped["method"] == "simclr");
  CHECK(stopped["top1"].is_null());

  double top1 = 0;
  const auto results = nlohmann::json::parse(judged.out)["results"];
  for (const auto& line : results) {
    top1 = std::max(top1, line["top1"].get<double>());
  }
  CHECK(runs.at("judged")["top1"].get<double>() == top1);

  const auto table = table_of(all);
  CHECK(table.find("done, 4 epochs\n") != table.npos);
  CHECK(table.find("group/stopped") != table.npos);
  CHECK(table.find("done in epoch 2 of 4 (--max-steps 6 of 16)") != table.npos);
  // A run itself, and a directory without any.
  CHECK(listed(all / "done").size() == 1);
  fs::create_directory(run.beside("empty"));
  CHECK(table_of(run.beside("empty")) == "no runs in " + run.beside("empty").string() + "\n");
}

TEST_CASE("Damaged and half runs are listed with what is wrong") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "whole", {"--max-steps", "4"});
  const auto copy = [&](const std::string& name) {
    fs::copy(all / "whole", all / name,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return all / name;
  };
  fs::remove(copy("no-config") / "config.toml");
  std::ofstream(copy("bad-config") / "config.toml") << "lr 0.1\n";
  std::ofstream(copy("bad-status") / "status.json") << "{\"state\": ";
  fs::remove(copy("no-status") / "status.json");
  std::ofstream(copy("bad-metrics") / "metrics.jsonl") << std::string(100'000, 'x') << "\n";
  std::ofstream(copy("long-metrics") / "metrics.jsonl", std::ios::app)
      << R"({"step":5,"epoch":1,"loss":0.5,")" << std::string(100'000, 'x') << "\":1}\n";
  std::ofstream(copy("foreign-metrics") / "metrics.jsonl") << "[1, 2]\n";
  std::ofstream(copy("endless-metrics") / "metrics.jsonl")
      << R"({"step":1,"loss":1,"epoch":9223372036854775807})"
      << "\n";
  std::ofstream(copy("torn-metrics") / "metrics.jsonl") << "{\"step\": 1, \"lo";
  std::ofstream(copy("bad-eval") / "eval.json") << "{}";
  fs::remove_all(copy("config-alone") / "checkpoints");
  for (const char* name : {"status.json", "metrics.jsonl", "metrics.csv"}) {
    fs::remove(all / "config-alone" / name);
  }
  fs::create_directory_symlink(all, all / "loop");
  fs::create_directory(all / "somebody");
  std::ofstream(all / "somebody" / "config.toml") << "x = 1\n";

  const auto runs = listed(all);
  CHECK(runs.size() == 12);
  CHECK(runs.at("whole")["damage"].is_null());
  CHECK(runs.at("torn-metrics")["damage"].is_null());
  CHECK(runs.at("torn-metrics")["loss"].is_null());
  CHECK(runs.at("long-metrics")["damage"].is_null());
  CHECK(runs.at("long-metrics")["loss"] == 0.5);
  const auto damage = [&](const char* name, const std::string& part) {
    INFO(name);
    REQUIRE(runs.at(name)["damage"].is_string());
    const auto text = runs.at(name)["damage"].get<std::string>();
    INFO(text);
    CHECK(text.find(part) != text.npos);
  };
  damage("no-config", "config.toml");
  damage("bad-config", "config.toml");
  damage("bad-status", "status.json");
  damage("no-status", "status.json");
  damage("bad-metrics", "metrics.jsonl");
  damage("foreign-metrics", "metrics.jsonl");
  damage("endless-metrics", "\"epoch\" is 9223372036854775807");
  damage("bad-eval", "eval.json");
  damage("config-alone", "status.json");
  // The rest is still said.
  CHECK(runs.at("bad-eval")["state"] == "done");
  CHECK(runs.at("bad-config")["loss"].is_number());
  const auto table = table_of(all);
  CHECK(table.find("damaged: ") != table.npos);
}

TEST_CASE("Checkpoints of somebody else are no run and hide none") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "runs/a", {"--max-steps", "1"});
  fs::create_directory(all / "checkpoints");
  std::ofstream(all / "checkpoints" / "model.pt") << "somebody's";
  const auto runs = listed(all);
  REQUIRE(runs.size() == 1);
  CHECK(runs.at("a")["damage"].is_null());
  // What is left of a run is listed by what lies beside its checkpoints, be that our list alone.
  for (const char* name : {"status.json", "config.toml"}) fs::remove(all / "runs" / "a" / name);
  CHECK(listed(all).at("a")["damage"].is_string());
}

TEST_CASE("What the file system refuses is said after the list, with code 74") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "a", {"--max-steps", "4"});
  trained(run, "b", {"--max-steps", "4"});
  fs::remove(all / "a" / "metrics.jsonl");
  fs::create_directory(all / "a" / "metrics.jsonl");  // no file
  const auto result = call_app({"runs", all.string()});
  CHECK(result.code == 74);
  CHECK(result.err.find("metrics.jsonl") != std::string::npos);
  CHECK(result.out.find("damaged: ") != std::string::npos);
  CHECK(result.out.find("--max-steps 4 of 16") != std::string::npos);
}

TEST_CASE("A number of an edited configuration is a number of JSON") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "a", {"--max-steps", "1"});
  std::ofstream(all / "a" / "config.toml") << "seed = 007\nepochs = 04\nmethod = \"mncl\"\n";
  CHECK(listed(all).at("a")["seed"] == 7);
  CHECK(listed(all).at("a")["epochs"] == 4);
}

TEST_CASE("A run that was killed is told from one that runs") {
  const tiny_run run;
  const auto all = run.beside("all");
  trained(run, "a", {"--max-steps", "4"});
  std::ofstream(all / "a" / "status.json") << R"({"state": "running", "step": 2, "reason": ""})";
  CHECK(listed(all).at("a")["state"] == "killed");
  {
    const io::held_directory held(all / "a");
    REQUIRE(io::lock_directory(held, LOCK_EX));
    CHECK(listed(all).at("a")["state"] == "running");
  }
  // By a version that locks the file alone.
  const io::descriptor file = io::open_file(all / "a" / "lock", O_RDWR);
  REQUIRE(::flock(file.get(), LOCK_EX | LOCK_NB) == 0);
  CHECK(listed(all).at("a")["state"] == "running");
}

TEST_CASE("A name that drives the terminal is shown and not obeyed") {
  const tiny_run run;
  trained(run, "red\x1b[31m\xff", {"--max-steps", "1"});
  const auto table = table_of(run.beside("all"));
  CHECK(table.find("red\\u001b[31m\\xff") != table.npos);
  CHECK(table.find('\x1b') == table.npos);
}
