// What the app advises, followed: make the failure, take the advice in the command that gave it,
// and it works. (The options of training that do not go together: options.cpp; damaged checkpoints:
// resume.cpp; damaged values: values.cpp.)
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;

namespace {

/// That a call ends with `code` and one sentence, which says `advice`.
void expect_advice(const app_result& result, int code, const std::string& advice) {
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.err.starts_with("triptych: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.find(advice) != std::string::npos);
}

void expect_success(const app_result& result) {
  INFO(result.err);
  CHECK(result.code == 0);
}

/// Runs the command that a sentence spells out: "... (triptych train --out x --resume)".
app_result follow(const app_result& advised) {
  const std::string name = "triptych ", &text = advised.err;
  const auto begin = text.rfind(name);
  REQUIRE(begin != std::string::npos);
  std::istringstream command(
      text.substr(begin + name.size(), text.find_first_of(")\n", begin) - begin - name.size()));
  words line;
  for (std::string word; command >> word;) line.push_back(word);
  return call_app(line + words{"--quiet"});
}

}  // namespace

TEST_CASE("The advice of every command works in that command") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const auto root = run.root().string();
  const auto beside = [&](const char* name) { return run.beside(name).string(); };
  const auto eval = [&](const words& more) {
    return last_wins(words{"eval", root, "--quiet", "--batch", "16", "--epochs", "1"} + more);
  };
  const auto embed = [&](const std::string& out) {
    return words{"embed", root, "--quiet", "--out", out};
  };
  const auto report = [&](const std::string& out) {
    return words{"report", root, "--quiet", "--out", out};
  };
  const words no_disk{"TRIPTYCH_FAILPOINT=write:ENOSPC"}, no_room{"TRIPTYCH_FAILPOINT=write:EFBIG"};
  struct row {
    words command;
    int code;
    const char* advice;
    words followed;
    words variables = {};  ///< of the first call: what fails
  };
  const std::vector<row> rows{
      // train
      {run.line(tiny_options), 2, "continue that run with --resume", run.line({"--resume"})},
      {run.line(tiny_options), 2, "or choose another --out",
       run.line(tiny_options + words{"--out", beside("a")})},
      {run.line({"--resume", "--out", beside("b")}), 2, "start one without --resume",
       run.line(tiny_options + words{"--out", beside("b")})},
      {run.line({"--resume", "--out", beside("c")}), 2, "or correct --out", run.line({"--resume"})},
      {run.line({"--resume", "--width", "8"}), 6, "leave these options out",
       run.line({"--resume"})},
      {run.line({"--resume", "--width", "8"}), 6, "or start a new run in another --out",
       run.line(tiny_options + words{"--width", "8", "--out", beside("d")})},
      {run.line(tiny_options + words{"--batch", "65", "--queue", "80", "--out", beside("e")}), 2,
       "lower --batch", run.line(tiny_options + words{"--queue", "80", "--out", beside("e")})},
      {run.line(tiny_options + words{"--method", "moco", "--batch", "2", "--bn-splits", "2",
                                     "--out", beside("f")}),
       2, "take a larger --batch, or fewer --bn-splits",
       run.line(tiny_options + words{"--method", "moco", "--batch", "4", "--bn-splits", "2",
                                     "--out", beside("f"), "--overwrite", "--max-steps", "1"})},
      {run.line(tiny_options +
                words{"--queue", "4294967296", "--head", "16,1048576", "--out", beside("g")}),
       7, "choose a smaller --queue", run.line(tiny_options + words{"--out", beside("g")})},
      {run.line({"--resume", "--config", beside("no.toml")}), 2, "check the path",
       run.line({"--resume"})},
      // eval
      {words{"eval", beside("nothing"), "--quiet"}, 2, "give the --out of a training run",
       eval({})},
      {eval({"--protocol", "knn"}), 74, "free some disk space, then try again\n",
       eval({"--protocol", "knn"}), no_disk},
      // embed
      {embed("/dev/full"), 74, "free some disk space, then try again\n", embed(beside("x"))},
      {embed(beside("x")), 74, "raise the file size limit (ulimit -f), then try again\n",
       embed(beside("x")), no_room},
      {embed(beside("nowhere/x")), 74, "check that the path is spelled right", embed(beside("x"))},
      // export
      {{"export", beside("nothing")}, 2, "give the --out of a training run", {"export", root}},
      {{"export", (run.checkpoints() / "latest").string()},
       2,
       "give e.g. --out encoder.onnx",
       {"export", (run.checkpoints() / "latest").string(), "--out", beside("encoder.onnx")}},
      {{"export", root, "--out", beside("encoder.onnx")},
       2,
       "give --overwrite to replace it",
       {"export", root, "--out", beside("encoder.onnx"), "--overwrite"}},
      {{"export", root, "--out", beside("encoder.onnx")},
       2,
       "or another --out",
       {"export", root, "--out", beside("other.onnx")}},
      // inspect
      {{"inspect", beside("nothing")}, 2, "check the path", {"inspect", root}},
      {{"inspect", run.beside("").string()},
       2,
       "give a directory such as runs/first",
       {"inspect", root}},
      // runs
      {{"runs", beside("nothing")}, 2, "give one that runs lie in", {"runs", root}},
      // compare
      {{"compare", root, beside("nothing")}, 2, "give run directories", {"compare", root, root}},
      // report
      {{"report"}, 2, "; give e.g. triptych report ", {"report", root, "--out", beside("r.html")}},
      {{"report", beside("nothing")}, 2, "check the path", report(beside("r.html"))},
      {{"report", run.beside("").string(), "--out", beside("r.html")},
       2,
       "give the --out of a training run",
       report(beside("r.html"))},
      {report(run.beside("").string()), 2, "give a file such as", report(beside("report.html"))},
      {report(root + "/config.toml"), 2, "give another --out", report(beside("r.html"))},
      {report(beside("nowhere/r.html")), 74, "check that the path is spelled right",
       report(beside("r.html"))},
      {report(beside("r.html")), 74, "free some disk space, then try again\n",
       report(beside("r.html")), no_disk},
      // data
      {{"data", "show", "procedural", "--out", beside("x.jpg")},
       2,
       "give e.g. --out sheet.p",
       {"data", "show", "procedural", "--out", beside("x.ppm")}},
      {{"data", "show", "procedural", "--out", beside("x.ppm")},
       74,
       "then try again\n",
       {"data", "show", "procedural", "--out", beside("x.ppm")},
       no_disk},
      // the command line
      {{"trian", "--help"}, 2, "did you mean train?", {"train", "--help"}},
      {{"data"}, 2, "give e.g. triptych data list", {"data", "list"}},
      {{"data", "show"}, 2, "triptych data list shows them", {"data", "list"}},
      {{"export"}, 2, "; give e.g. triptych export ", {"export", root}},
      {{"inspect"}, 2, "; give e.g. triptych inspect ", {"inspect", root}},
      {{"embed", root}, 2, "give e.g. --out features.safetensors", embed(beside("x"))},
      {{"inspect", root, "--jsn"}, 2, "did you mean json?", {"inspect", root, "--json"}},
  };
  for (const auto& one : rows) {
    INFO(one.advice);
    expect_advice(call_app(one.command, one.variables), one.code, one.advice);
    expect_success(call_app(one.followed));
  }
}

TEST_CASE("A run whose disk was full goes on with the command that the sentence spells out") {
  for (const char* failure : {"ENOSPC", "EFBIG", "EIO"}) {
    const tiny_run run;
    const auto full =
        run.train(tiny_options, {std::string("TRIPTYCH_FAILPOINT=checkpoint.files#3:") + failure});
    expect_advice(full, 74,
                  "try again (triptych train --out " + run.root().string() + " --resume)");
    expect_success(follow(full));
    CHECK(run.status()["state"] == "done");
  }
}

TEST_CASE("A run that diverged goes on with a lower learning rate") {
  const tiny_run run;
  const auto wild = run.train(tiny_options + words{"--lr", "1e30"});
  expect_advice(wild, 3,
                "; resume from the last checkpoint with a lower --lr (triptych train --out " +
                    run.root().string() + " --resume --lr 0.1)");
  expect_success(follow(wild));
  CHECK(text_of(run.root() / "config.toml").find("\nlr-changes = \"0:0.1\"\n") !=
        std::string::npos);
  CHECK(text_of(run.root() / "train.log")
            .find("learning rate's base is 0.1 from here on, not 1e+30") != std::string::npos);
}

TEST_CASE("A run that died before its first checkpoint is trained before it is judged") {
  const tiny_run run;
  CHECK(run.train(tiny_options, {"TRIPTYCH_FAILPOINT=checkpoint.begun"}).code == 128 + SIGKILL);
  const auto early = call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"});
  expect_advice(early, 2, "; train first: triptych train --resume " + run.root().string());
  expect_success(follow(early));
  expect_success(call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"}));
}

TEST_CASE("Metrics that are not of the run are moved away, and it goes on") {
  for (const char* name : {"metrics.jsonl", "metrics.csv"}) {
    const tiny_run run;
    REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
    std::ofstream(run.root() / name) << "something else\n";
    expect_advice(run.train({"--resume"}), 6, "; move the file away, then continue the run");
    fs::rename(run.root() / name, run.beside("aside"));
    expect_success(run.train({"--resume"}));
  }
}

TEST_CASE("A report does without what is damaged as soon as that is removed") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const words report{"report", run.root().string(),          "--quiet", "--pictures", "off",
                     "--out",  run.beside("r.html").string()};
  for (const char* text : {R"({"images": {"name": "x"}})", "{"}) {
    std::ofstream(run.root() / "data.json") << text;
    expect_advice(call_app(report), 6, "; remove the file, then give the command again");
    fs::remove(run.root() / "data.json");
    expect_success(call_app(report));
  }
  std::ofstream(run.root() / "config.toml") << "lr 1\n";
  expect_advice(call_app(report), 6, "; give another run");
  const tiny_run other;
  REQUIRE(other.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  expect_success(call_app(
      {"report", other.root().string(), "--quiet", "--out", other.beside("r.html").string()}));
}

TEST_CASE("Without a place to look in, the advice is to name the directory") {
  const tiny_run run;
  const words clean{"-i", TRIPTYCH_APP, "data", "verify", "cifar10"};
  expect_advice(run_app("/usr/bin/env", clean), 5,
                "no place to look in; give its directory with --data-dir");
  for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                           "data_batch_5", "test_batch"}) {
    std::ofstream(run.beside(std::string(name) + ".bin")) << std::string(3073, '\0');
  }
  expect_success(run_app("/usr/bin/env", clean + words{"--data-dir", run.beside("").string()}));
}

TEST_CASE("What stops a table is mended as it says, and the same command goes on") {
  const tiny_run box;
  const auto line = [&](const words& more, const char* name = "table3") {
    return words{"reproduce"} + last_wins(words{name, "--quiet", "--threads", "2"} + tiny_options +
                                          words{"--width", "2", "--evaluator", "knn", "--seeds",
                                                "1", "--out", box.root().string()} +
                                          more);
  };
  const auto table = box.root() / "table3";
  expect_success(call_app(line({})));
  const auto cell = table / "mncl-all-seed1";
  REQUIRE(fs::exists(cell / "eval"));

  // A record whose checkpoint is there, one whose checkpoint is gone, and what needs no training.
  std::ofstream(cell / "eval/step-000016.json") << "{}";
  const auto last = call_app(line({}));
  expect_advice(last, 6, "; remove the file, then give the command again");
  fs::remove(cell / "eval/step-000016.json");
  expect_success(call_app(line({})));
  std::ofstream(cell / "eval/step-000004.json") << "{}";
  expect_advice(call_app(line({})), 6,
                "; remove " + cell.string() + ", then give the command again");
  fs::remove_all(cell);
  expect_success(call_app(line({})));
  std::ofstream(table / "baselines-seed1.json") << R"({"checkpoint": 1})";
  expect_advice(call_app(line({})), 6, "; remove the file, then give the command again");
  fs::remove(table / "baselines-seed1.json");
  expect_success(call_app(line({})));

  // A damaged checkpoint.
  const auto damaged = cell / "checkpoints/step-000016";
  fs::remove(cell / "eval/step-000016.json");
  std::ofstream(damaged / "model.safetensors") << "x";
  expect_advice(call_app(line({})), 6, "; remove that directory, then give the same command");
  fs::remove_all(damaged);
  expect_success(call_app(line({})));

  // Other settings, and rows that diverge, want another table.
  expect_advice(call_app(line({"--lr", "0.2"})), 6, "or another --out");
  const words one{"--methods", "simclr", "--out", box.beside("other").string()};
  expect_success(call_app(line(one + words{"--lr", "0.2"}, "table1")));
  const words other{"--methods", "nnclr", "--out", box.beside("wild").string(), "--lr", "1e30"};
  const auto wild = call_app(line(other, "table1"));
  CHECK(wild.code == 3);
  CHECK(wild.err.find("; make another table with a lower --lr, in another --out\n") !=
        std::string::npos);
  CHECK(wild.err.find("--resume") == std::string::npos);
}
