// Values of files that are not what they should be: each is refused by its file and its name, with
// the documented code and a next step that works.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "support/tiny_run.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/commands/metrics_file.hpp"

using namespace triptych::test;
namespace io = triptych::io;
namespace app = triptych::app;
using triptych::error_kind;

namespace {

/// Code, one sentence with all of `named`, and nothing unexpected.
void expect_refused(const app_result& result, int code, const words& named) {
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.find("unexpected") == std::string::npos);
  for (const auto& name : named) CHECK(result.err.find(name) != std::string::npos);
}

}  // namespace

TEST_CASE("Records of the metrics are taken whole, null where nothing was measured, or refused") {
  const temporary_directory run;
  const std::string sound = R"({"step":3,"epoch":0,"wall_s":1.5,"loss":null,"knn_top1":null})";
  const auto read = [&](const std::string& second) {
    const auto file = run.write("metrics.jsonl", sound + "\n" + second + "\n" + R"({"step":)");
    return app::read_metrics(file.parent_path());
  };
  const auto records = read(R"({"step":9,"wall_s":null,"knn_top1":100.00000000000001})");
  REQUIRE(records.size() == 2);
  CHECK(records[0].step == 3);
  CHECK(records[0].seconds == 1.5);
  CHECK_FALSE(records[0].knn);
  CHECK_FALSE(records[1].seconds);
  CHECK(records[1].knn);

  const std::vector<std::pair<std::string, std::string>> damages{
      {R"({"wall_s":1.5})", "\"step\" is missing"},
      {R"({"step":null})", "\"step\" is null"},
      {R"({"step":-1})", "\"step\" is -1"},
      {R"({"step":1.5})", "\"step\" is 1.5"},
      {R"({"step":"9"})", "\"step\" is \"9\""},
      {R"({"step":9,"wall_s":"1"})", "\"wall_s\" is \"1\""},
      {R"({"step":9,"wall_s":-1})", "\"wall_s\" is -1"},
      {R"({"step":9,"wall_s":true})", "\"wall_s\" is true"},
      {R"({"step":9,"wall_s":{}})", "\"wall_s\" is an object"},
      {R"({"step":9,"knn_top1":[]})", "\"knn_top1\" is an array"},
      {R"({"step":9,"knn_top1":101})", "\"knn_top1\" is 101"}};
  for (const auto& [line, said] : damages) {
    const auto thrown = thrown_by([&, &text = line] { static_cast<void>(read(text)); });
    INFO(thrown.sentence);
    CHECK(thrown.kind == error_kind::checkpoint);
    CHECK(thrown.says("metrics.jsonl, line 2: " + said));
    CHECK(thrown.sentence.ends_with("; move the file away, then continue the run"));
  }
}

TEST_CASE("A kept evaluation reads back, and each of its values is refused by name") {
  const temporary_directory box;
  app::evaluation sound{"", "step-000001", "procedural", 64, 32, {}};
  sound.results.push_back(
      {"trained", "kNN", {12.5, 50, 11.25}, "a note", triptych::eval::interval{4.5, 28.5}});
  const std::string text = to_json(sound);
  const auto read = [&](const std::string& changed) {
    return app::read_evaluation(box.write("eval.json", changed), "do this");
  };
  const auto again = read(text);
  CHECK(to_json(again) == text);
  // As older versions wrote it.
  const auto older =
      read(altered(text, R"("top1_low": 4.5, "top1_high": 28.5, "mean_per_class": 11.25, )", ""));
  CHECK(older.results[0].accuracy == triptych::eval::accuracy{12.5, 50});
  CHECK_FALSE(older.results[0].top1_interval);

  const std::vector<std::pair<std::string, std::string>> members{{"checkpoint", "\"step-000001\""},
                                                                 {"data", "\"procedural\""},
                                                                 {"train_images", "64"},
                                                                 {"test_images", "32"},
                                                                 {"features", "\"trained\""},
                                                                 {"protocol", "\"kNN\""},
                                                                 {"top1", "12.5"},
                                                                 {"top1_low", "4.5"},
                                                                 {"top1_high", "28.5"},
                                                                 {"mean_per_class", "11.25"},
                                                                 {"top5", "50"},
                                                                 {"note", "\"a note\""}};
  for (const auto& [name, value] : members) {
    const std::string member = "\"" + name + "\": ";
    const bool may_miss = name.starts_with("top1_") || name == "mean_per_class";
    for (const char* wrong : {"null", "true", "-1", "1e300", "[]", "{}"}) {
      if (may_miss && wrong == std::string("null")) continue;
      const auto thrown =
          thrown_by([&, &was = value] { read(altered(text, member + was, member + wrong)); });
      INFO(name << ": " << thrown.sentence);
      CHECK(thrown.kind == error_kind::checkpoint);
      CHECK(thrown.says("eval.json"));
      CHECK(thrown.says("\"" + name + "\" is "));
      CHECK(thrown.sentence.ends_with("; do this"));
    }
    if (may_miss) continue;
    CHECK(thrown_by([&, &was = value] {
            read(altered(text, member + was, "\"x\": 1"));
          }).says("\"" + name + "\" is missing"));
  }
  const auto results = text.substr(text.find("\"results\": ["));
  for (const char* wrong : {"\"results\": null}", "\"results\": {}}", "\"results\": [1]}",
                            "\"results\": [[]]}", "\"results\": [null]}"}) {
    const auto thrown = thrown_by([&] { read(altered(text, results, wrong)); });
    INFO(thrown.sentence);
    CHECK(thrown.kind == error_kind::checkpoint);
    CHECK(thrown.says("results"));
  }
}

TEST_CASE("A run whose times are null goes on, and a wrong one is refused with advice that works") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  const auto metrics = run.root() / "metrics.jsonl";
  const auto text = text_of(metrics);
  const auto line = text.substr(text.rfind("{\"step\":8,"));
  const auto begin = line.find("\"wall_s\":"), end = line.find(',', begin);
  const auto with = [&](const std::string& value) {
    auto changed = line;
    changed.replace(begin, end - begin, "\"wall_s\":" + value);
    std::ofstream(metrics) << text.substr(0, text.size() - line.size()) << changed;
  };
  with("\"soon\"");
  expect_refused(run.train({"--resume"}), 6,
                 {"metrics.jsonl, line 8: \"wall_s\" is \"soon\" where a number is needed"});
  const auto aside = run.beside("aside");
  fs::rename(metrics, aside);
  CHECK(run.train({"--resume", "--max-steps", "9"}).code == 0);
  with("null");
  CHECK(run.train({"--resume", "--max-steps", "10"}).code == 0);
}

TEST_CASE("A checkpoint's note is refused where it cannot be of the run, by train and eval") {
  const tiny_run clean;
  REQUIRE(clean.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  struct wrong {
    const char* named;
    std::function<void(io::checkpoint_note&)> change;
    bool judged;  ///< by eval, too
  };
  const auto replace = [](const char* from, const char* to) {
    return [from, to](io::checkpoint_note& note) { note.config = altered(note.config, from, to); };
  };
  const std::vector<wrong> damages{
      {"is of step 17 in a run of 16", [](auto& note) { note.step = 17; }, false},
      {"is of step 9223372036854775807", [](auto& note) { note.step = INT64_MAX; }, false},
      {"\"counter.1\"", [](auto& note) { note.extra.erase("counter.1"); }, false},
      {"\"counter.0\"", [](auto& note) { note.extra["counter.0"] = "1 "; }, false},
      {"after 9223372036854775807 rows",
       [](auto& note) { note.extra["counter.1"] = "9223372036854775807"; }, false},
      {"MANIFEST.json, config:", replace("lr = 0.1\n", "lr = \"fast\"\n"), true},
      {"MANIFEST.json, config:", replace("width = 4\n", "width = 4\nwidth = 4\n"), true},
      {"there is no option 'breadth'", replace("width = 4\n", "breadth = 4\n"), true},
  };
  for (const auto& [named, change, judged] : damages) {
    INFO(named);
    const tiny_run run;
    fs::copy(clean.root(), run.root(),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    rewrite(run.latest(), change);
    expect_refused(run.train({"--resume"}), 6, {run.checkpoints().string(), named});
    if (judged) {
      expect_refused(call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"}), 6,
                     {run.checkpoints().string(), named});
    }
  }
}

TEST_CASE("Tensors that are not those of a checkpoint's configuration are refused by name") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const auto sound = text_of(run.latest() / "MANIFEST.json");
  const auto out = run.beside("features.safetensors").string();
  struct wrong {
    const char *from, *to, *named;
  };
  for (const auto& [from, to, named] :
       {wrong{"width = 4\n", "width = 2\n", "it has width 4, not 2"},
        wrong{"width = 4\n", "width = 8\n", "it has width 4, not 8"},
        wrong{"1,1,1,1", "1,1,1,2", "it has blocks 1,1,1,1, not"}}) {
    rewrite(run.latest(), [&, was = from, is = to](io::checkpoint_note& note) {
      note.config = altered(note.config, was, is);
    });
    for (const auto& line : {words{"eval", run.root().string(), "--quiet", "--protocol", "knn"},
                             words{"embed", run.root().string(), "--quiet", "--out", out}}) {
      expect_refused(call_app(line), 6, {run.latest().string(), named});
    }
    std::ofstream(run.latest() / "MANIFEST.json") << sound;
  }
}

TEST_CASE("A linear evaluation's state is refused by the value, and removing it begins anew") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const words line{"eval",   run.root().string(), "--quiet", "--batch",     "16",     "--protocol",
                   "linear", "--epochs",          "2",       "--baselines", "pixels", "--json"};
  const auto whole = call_app(line);
  REQUIRE(whole.code == 0);
  const auto state = run.root() / "eval/linear", kept = run.beside("kept");
  fs::copy(state, kept, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto set = [](const char* key, const char* value) {
    return [key, value](io::checkpoint_note& note) { note.extra[key] = value; };
  };
  const std::vector<std::pair<std::string, std::function<void(io::checkpoint_note&)>>> damages{
      {"best_epoch", [](auto& note) { note.extra.erase("best_epoch"); }},
      {"best_epoch", set("best_epoch", "1.5")},
      {"best_epoch", set("best_epoch", "1e300")},
      {"best_epoch", set("best_epoch", "3")},
      {"last.top1", set("last.top1", "nan")},
      {"last.top5", set("last.top5", "")},
      {"best.top1", set("best.top1", "101")},
      {"best.top5", [](auto& note) { note.extra.clear(); }},
      {"epoch", [](auto& note) { note.epoch = 3; }},
      {"epoch", [](auto& note) { note.epoch = std::int64_t{1} << 32; }},
      {"step", [](auto& note) { note.step = 7; }},
  };
  for (const auto& [field, change] : damages) {
    fs::remove_all(state);
    fs::copy(kept, state, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    rewrite(fs::canonical(state / "latest"), change);
    const auto refused = call_app(line + words{"--resume"});
    const bool any = field == "best.top5";  // all are gone: the first that is looked for
    expect_refused(refused, 6,
                   {"MANIFEST.json", any ? "best_epoch" : "\"" + field + "\"",
                    "; remove " + state.string() + " to begin anew"});
  }
  fs::remove_all(state);
  const auto anew = call_app(line + words{"--resume"});
  CHECK(anew.code == 0);
  CHECK(anew.out == whole.out);
}

TEST_CASE("A status that is damaged does not hide the run, and resuming mends it") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const words inspect{"inspect", run.root().string()};
  for (const char* status : {"{}", R"({"state":1,"step":2})", R"({"state":"done","step":null})",
                             R"({"state":"done","step":-1})"}) {
    std::ofstream(run.root() / "status.json") << status;
    const auto shown = call_app(inspect);
    INFO(shown.err);
    CHECK(shown.code == 0);
    CHECK(shown.out.find("unknown: status.json has no proper state and step") != std::string::npos);
  }
  std::ofstream(run.root() / "status.json") << "{\"state\":";
  const auto refused = call_app(inspect);
  expect_refused(refused, 6, {"status.json", "triptych train --resume " + run.root().string()});
  CHECK(call_app({"train", "--resume", run.root().string(), "--quiet"}).code == 0);
  CHECK(call_app(inspect).code == 0);
}
