// Evaluation of a tiny run, and its features as a file.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/everything_in.hpp"
#include "support/pictures.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

/// An evaluation of some ten epochs.
words evaluation(const tiny_run& run, const words& more = {}) {
  return words{"eval", run.root().string(), "--quiet", "--batch", "16", "--epochs", "10"} + more;
}

/// Puts `now` for `before` in the configuration of the newest checkpoint.
void reconfigure(const tiny_run& run, const std::string& before, const std::string& now) {
  rewrite(run.latest(),
          [&](io::checkpoint_note& note) { note.config = altered(note.config, before, now); });
}

/// The app, called in another directory.
app_result call_in(const fs::path& directory, const words& arguments) {
  return run_app("/bin/sh",
                 words{"-c", "cd \"$0\" && exec \"$@\"", directory.string(), TRIPTYCH_APP} +
                     arguments);
}

}  // namespace

TEST_CASE("An evaluation prints the result beside the same encoder untrained and raw pixels") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto result = call_app(evaluation(run));
  INFO(result.err);
  REQUIRE(result.code == 0);
  struct row {
    std::string features, protocol;
  };
  const std::vector<row> rows{{"trained", "linear, last epoch"},
                              {"trained", "linear, best epoch"},
                              {"trained", "logistic"},
                              {"trained", "kNN"},
                              {"untrained", "logistic"},
                              {"untrained", "kNN"},
                              {"raw pixels", "kNN"}};
  const auto json = nlohmann::json::parse(text_of(run.root() / "eval.json"));
  CHECK(json["data"] == "procedural");
  CHECK(json["train_images"] == 64);
  CHECK(json["test_images"] == 32);
  CHECK(json["checkpoint"] == run.latest().string());
  REQUIRE(json["results"].size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& found = json["results"][i];
    CHECK(found["features"] == rows[i].features);
    CHECK(found["protocol"] == rows[i].protocol);
    CHECK(found["top1"] >= 0);
    CHECK(found["top1"] <= found["top5"]);
    CHECK(found["top5"] <= 100);
    const double top1 = found["top1"], low = found["top1_low"], high = found["top1_high"];
    CHECK((0 <= low && low <= top1 && top1 <= high && high <= 100));
    // 32 test images: by the normal approximation 35 points at 50 %.
    CHECK((high - low > 10 && high - low < 36));
    const double per_class = found["mean_per_class"];
    CHECK((per_class >= 0 && per_class <= 100));
    const std::regex line("(^|\n)" + rows[i].features + " +" + rows[i].protocol +
                          " +\\d+\\.\\d\\d +\\d+\\.\\d-\\d+\\.\\d( +\\d+\\.\\d\\d){2}");
    CHECK(std::regex_search(result.out, line));
  }
  const auto printed = call_app(evaluation(run, {"--json"}));
  CHECK(printed.out == text_of(run.root() / "eval.json"));

  const auto alone = call_app(evaluation(run, {"--protocol", "knn"}));
  CHECK(alone.out.find("linear") == std::string::npos);
  CHECK(alone.out.find("untrained") != std::string::npos);
  CHECK(alone.out.find("raw pixels") != std::string::npos);

  for (const auto& [baselines, rest] : {std::pair("none", words{}),
                                        {"pixels", {"raw pixels"}},
                                        {"untrained", {"untrained"}},
                                        {"pixels,untrained", {"untrained", "raw pixels"}},
                                        {"all", {"untrained", "raw pixels"}}}) {
    const auto some = call_app(
        evaluation(run, {"--protocol", "knn", "--json", "--baselines", std::string(baselines)}));
    INFO(baselines << ": " << some.err);
    REQUIRE(some.code == 0);
    words found;
    const auto kept = nlohmann::json::parse(some.out);
    for (const auto& r : kept["results"]) found.push_back(r["features"]);
    CHECK(found == words{"trained"} + rest);
  }
  const auto both = call_app(evaluation(run, {"--baselines", "none,pixels"}));
  CHECK(both.code == 2);
  CHECK(both.err.find("has none beside others") != std::string::npos);
}

TEST_CASE(
    "An evaluation leaves a confusion matrix of each line, and removes those of the last one") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  REQUIRE(call_app(evaluation(run)).code == 0);
  const auto directory = run.root() / "eval";
  const auto json = nlohmann::json::parse(text_of(run.root() / "eval.json"));
  const std::map<std::string, std::size_t> files{{"trained-linear", 0}, {"trained-logistic", 2},
                                                 {"trained-knn", 3},    {"untrained-logistic", 4},
                                                 {"untrained-knn", 5},  {"raw-pixels-knn", 6}};
  for (const auto& [name, place] : files) {
    INFO(name);
    std::istringstream text(text_of(directory / ("confusion-" + name + ".csv")));
    std::string line;
    REQUIRE(std::getline(text, line));
    CHECK(line == "true class / taken for,0,1,2,3,4,5,6,7,8,9");
    int hits = 0, total = 0, classes = 0;
    double per_class = 0;
    for (int label = 0; std::getline(text, line); ++label) {
      std::istringstream cells(line);
      std::string cell;
      std::getline(cells, cell, ',');
      CHECK(cell == std::to_string(label));
      int own = 0, rows = 0;
      for (int c = 0; std::getline(cells, cell, ','); ++c) {
        rows += std::stoi(cell);
        if (c == label) own = std::stoi(cell);
      }
      hits += own;
      total += rows;
      if (rows > 0) per_class += double(own) / rows;
      classes += rows > 0;
    }
    CHECK(total == 32);
    const auto& result = json["results"][place];
    CHECK(result["top1"].get<double>() == Approx(100.0 * hits / total));
    CHECK(result["mean_per_class"].get<double>() == Approx(100 * per_class / classes));
  }
  CHECK(call_app(evaluation(run, {"--protocol", "knn"})).code == 0);
  CHECK_FALSE(fs::exists(directory / "confusion-trained-logistic.csv"));
  CHECK(fs::exists(directory / "confusion-trained-knn.csv"));
  // What was not written here stays.
  std::ofstream(directory / "confusion-of-mine.csv") << "mine";
  fs::remove(directory / "confusion-trained-knn.csv");
  remove_lists(run.root());
  std::ofstream(directory / "confusion-trained-knn.csv") << "mine";
  const auto before = text_of(run.root() / "eval.json");
  const auto refused = call_app(evaluation(run, {"--protocol", "knn"}));
  INFO(refused.err);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("confusion-trained-knn.csv is there and was not written by triptych") !=
        std::string::npos);
  for (const char* name : {"confusion-trained-knn.csv", "confusion-of-mine.csv"}) {
    CHECK(text_of(directory / name) == "mine");
  }
  CHECK(text_of(run.root() / "eval.json") == before);
}

TEST_CASE("Features are judged by shares of the labels, drawn from the seed and written down") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const words few = evaluation(run, {"--protocol", "logistic,knn", "--label-fraction", "0.05,0.5"});
  const auto result = call_app(few);
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto json = nlohmann::json::parse(text_of(run.root() / "eval.json"));
  REQUIRE(json["results"].size() == 13);  // two encoders by two protocols and three shares; pixels
  const auto labels = [&](const char* share) {
    const auto kept = nlohmann::json::parse(
        text_of(run.root() / "eval" / ("labels-" + std::string(share) + ".json")));
    CHECK(kept["label_fraction"].get<double>() == std::stod(share));
    return kept["images"].get<std::vector<int>>();
  };
  const auto some = labels("0.05"), half = labels("0.5");
  CHECK(some.size() == 10);  // one of each class
  CHECK(half.size() >= 30);
  CHECK(half.size() <= 37);
  CHECK(std::includes(half.begin(), half.end(), some.begin(), some.end()));
  CHECK_FALSE(json["results"][0].contains("label_fraction"));
  for (const std::size_t i : {2u, 3u}) {
    CHECK(json["results"][i]["features"] == "trained");
    CHECK(json["results"][i]["label_fraction"] == 0.05);
    const std::string note = json["results"][i]["note"];
    CHECK(note.find("5 % of the labels, 10 images") == 0);
  }
  CHECK(result.out.find("50 % of the labels, " + std::to_string(half.size()) + " images") !=
        std::string::npos);
  CHECK(fs::exists(run.root() / "eval/confusion-untrained-knn-0.5.csv"));
  const auto before = text_of(run.root() / "eval.json");
  CHECK(call_app(few + words{"--threads", "1"}).code == 0);
  CHECK(text_of(run.root() / "eval.json") == before);
  CHECK(call_app(few + words{"--seed", "1"}).code == 0);
  CHECK(labels("0.5") != half);
  CHECK(call_app(evaluation(run, {"--protocol", "knn"})).code == 0);
  CHECK_FALSE(fs::exists(run.root() / "eval/labels-0.5.json"));
  for (const auto& [wrong, complaint] : {std::pair("0", "is not above 0 and up to 1"),
                                         {"1.5", "is not above 0 and up to 1"},
                                         {"0.1,0.1", "comes twice"},
                                         {"0.1,", "is empty"}}) {
    const auto refused = call_app(evaluation(run, {"--label-fraction", std::string(wrong)}));
    INFO(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find(complaint) != std::string::npos);
  }
}

TEST_CASE("An evaluation does not depend on the number of threads") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto one = call_app(evaluation(run, {"--json", "--threads", "1"}));
  REQUIRE(one.code == 0);
  CHECK(call_app(evaluation(run, {"--json", "--threads", "3"})).out == one.out);
}

TEST_CASE("A linear evaluation that was killed or stopped goes on to the same numbers") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  REQUIRE(call_app(evaluation(run)).code == 0);
  const auto expected = text_of(run.root() / "eval.json");
  const auto state = [&] {
    return text_of(run.root() / "eval/linear/latest/probe.safetensors") +
           text_of(run.root() / "eval/linear/latest/MANIFEST.json");
  };
  const auto probe = state();
  for (const char* point : {"begun", "files", "manifest", "renamed", "latest", "pruned"}) {
    for (const char* passage : {"1", "6"}) {
      INFO(point << " " << passage);
      fs::remove(run.root() / "eval.json");
      CHECK(call_app(evaluation(run),
                     {"TRIPTYCH_FAILPOINT=checkpoint." + std::string(point) + "#" + passage})
                .code == 128 + SIGKILL);
      CHECK_FALSE(fs::exists(run.root() / "eval.json"));
      CHECK(call_app(evaluation(run, {"--resume"})).code == 0);
      CHECK(text_of(run.root() / "eval.json") == expected);
      CHECK(state() == probe);
    }
  }
  // Of another evaluation, or of another checkpoint, there is nothing to continue.
  const auto other = call_app(words{"eval", run.root().string(), "--batch", "8", "--resume"});
  CHECK(other.code == 6);
  CHECK(other.err.find("batch 16") != std::string::npos);
  const auto older = (run.checkpoints() / "step-000012").string();
  CHECK(call_app({"eval", older, "--batch", "16", "--epochs", "10", "--resume"}).code == 6);
  CHECK(text_of(run.root() / "eval.json") == expected);
  CHECK(state() == probe);
  REQUIRE(run.train(tiny_options + words{"--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(run.root() / "eval"));
  CHECK_FALSE(fs::exists(run.root() / "eval.json"));
}

TEST_CASE("A linear evaluation that is asked to stop ends with the signal's code and goes on") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const words linear{"--protocol", "linear", "--baselines", "pixels"};
  const auto line = last_wins(evaluation(run, linear + words{"--epochs", "100"}));
  REQUIRE(call_app(line).code == 0);
  const auto expected = text_of(run.root() / "eval.json");
  fs::remove_all(run.root() / "eval");
  running_app program(TRIPTYCH_APP, line);
  while (program.runs() && !fs::exists(run.root() / "eval/linear/latest")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  program.send(SIGHUP);
  CHECK(program.wait().code == 128 + SIGHUP);
  CHECK(call_app(line + words{"--resume"}).code == 0);
  CHECK(text_of(run.root() / "eval.json") == expected);
}

TEST_CASE("A checkpoint of its own can be evaluated, also in double precision") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options +
                    words{"--backend", "reference", "--dtype", "f64", "--max-steps", "5"})
              .code == 0);
  const auto older = run.checkpoints() / "step-000004";
  const auto result = call_app({"eval", older.string(), "--quiet", "--protocol", "knn"});
  INFO(result.err);
  CHECK(result.code == 0);
  const auto json = nlohmann::json::parse(text_of(run.root() / "eval.json"));
  CHECK(json["checkpoint"] == older.string());
}

TEST_CASE("Features and labels of a split are written as safetensors") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto file = run.beside("features.safetensors");
  const auto embed = [&](const words& more) {
    const auto result =
        call_app(words{"embed", run.root().string(), "--out", file.string(), "--quiet"} + more);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return text_of(file);
  };
  for (const auto& [split, rows] : {std::pair("test", 32), std::pair("train", 64)}) {
    const auto bytes = embed({"--split", split, "--threads", "1"});
    CHECK(embed({"--split", split, "--threads", "3", "--batch", "7"}) == bytes);
    const auto read = io::safetensors_file::open(file);
    CHECK(read.info("features").shape == io::tensor_shape{rows, 32});
    CHECK(read.info("labels").shape == io::tensor_shape{rows});
    for (const float value : read.values<float>("features")) CHECK(std::isfinite(value));
    for (const auto label : read.values<std::int32_t>("labels")) CHECK((label >= 0 && label < 10));
    CHECK(read.metadata().at("split") == split);
    CHECK(read.metadata().at("checkpoint") == run.latest().string());
  }
  const auto refused = call_app({"embed", run.root().string(), "--out", "/nowhere/x", "--quiet"});
  CHECK(refused.code == 74);
}

TEST_CASE("What a checkpoint says of sizes is not believed beyond the usual") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--procedural-test", "2"}).code == 0);
  const auto out = run.beside("features.safetensors").string();
  const words features{"embed", run.root().string(), "--out", out};
  const auto refusal = [&](const words& line, int code, const std::string& part) {
    const auto result = call_app(line);
    INFO(result.err);
    CHECK(result.code == code);
    CHECK(result.err.find(part) != std::string::npos);
  };
  const auto size = [](const std::string& n) { return "image-size = " + n + "\n"; };
  reconfigure(run, size("16"), size("513"));
  refusal(features, 2, "views of 513 pixels");
  refusal(evaluation(run), 2, "give --large if that is meant");
  CHECK(call_app(features + words{"--large"}).code == 0);
  reconfigure(run, size("513"), size("16"));
  reconfigure(run, "procedural-train = 64\n", "procedural-train = 10000000\n");
  refusal(features, 2, "10000000 generated images");
  // An encoder that is not there takes no memory either.
  reconfigure(run, "procedural-train = 10000000\n", "procedural-train = 64\n");
  reconfigure(run, "width = 4\n", "width = 4096\n");
  refusal(features, 6, "does not hold the encoder of its own configuration");
  refusal(evaluation(run), 6, "it has width 4, not 4096");
}

TEST_CASE("The images of a run are found from any directory, wherever it was started") {
  const tiny_run run;
  const auto expect_done = [](const app_result& result) {
    INFO(result.err);
    CHECK(result.code == 0);
  };
  write_pictures(run.beside("pictures/train"));
  const auto here = run.beside("");
  const auto elsewhere = run.beside("elsewhere");
  fs::create_directory(elsewhere);
  const auto options = folder_model("pictures") + words{"--quiet", "--out", "run"};
  expect_done(call_in(here, words{"train", "--max-steps", "2"} + options));

  const auto root = run.root().string();
  const words judge{"eval", root, "--quiet", "--protocol", "knn"};
  const auto none = call_in(elsewhere, judge);  // no test images
  CHECK(none.code == 5);
  CHECK(none.err.find("has no test images; give some") != std::string::npos);
  write_pictures(run.beside("pictures/test"));
  expect_done(call_in(elsewhere, judge));
  expect_done(call_in(elsewhere, {"embed", root, "--quiet", "--out", "x"}));
  // Test images are new to the run, which is said to be meant once.
  expect_done(call_in(elsewhere, {"train", "--quiet", "--resume", root, "--max-steps", "4",
                                  "--accept-changed-data"}));
  expect_done(call_in("/", {"train", "--quiet", "--resume", root}));
  expect_done(call_in(here, {"train", "--quiet", "--resume", "run"}));
  // Where they were is gone: then the advice is to say where they are.
  fs::rename(run.beside("pictures"), elsewhere / "pictures");
  CHECK(call_in(here, judge).code == 5);
  expect_done(call_in(here, judge + words{"--data-dir", "elsewhere/pictures"}));
}
