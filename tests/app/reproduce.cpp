// Tables through the app: whole, killed, stopped, and refused.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"
#include "support/tiny_table.hpp"

using namespace triptych::test;
using std::chrono::duration;
using clock_type = std::chrono::steady_clock;

namespace {

/// Code, one sentence that holds `named`, and nothing changed below the table's directory.
void expect_refusal(const tiny_table& table, const words& more, int code,
                    const std::string& named) {
  const auto state = [&] {
    std::map<std::string, std::string> all;
    if (!fs::exists(table.out())) return all;
    for (const auto& entry : fs::recursive_directory_iterator(table.out())) {
      if (entry.is_regular_file() && entry.path().filename() != "lock") {
        all[entry.path().string()] = text_of(entry.path());
      }
    }
    return all;
  };
  const auto before = state();
  const auto result = table.make(more);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(result.err.find(named) != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(state() == before);
}

}  // namespace

TEST_CASE(
    "A table has a row for each setting, its reference, the baselines and the paper's number") {
  const tiny_table table("table2");
  const auto result = table.make({"--knn-every", "2"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.out == table.file(".md"));
  for (const char* told : {"| λ = 2 | 4 | 2 |", "| reference |", "| untrained, kNN | - | 2 |",
                           "| raw pixels, kNN | - | 2 |", "- options: --data procedural"}) {
    INFO(told);
    CHECK(result.out.find(told) != std::string::npos);
  }
  const auto json = table.json();
  CHECK(json["data"] == "procedural");
  CHECK(json["train_images"] == 64);
  REQUIRE(json["lines"].size() == 7);
  for (std::size_t i = 0; i < 5; ++i) {
    const auto& line = json["lines"][i];
    CHECK(line["setting"] == "lambda-" + std::to_string(2 * i + 2));
    CHECK(line["cost"] == 13);
    CHECK(line["paper"].is_null());  // not of this data set
    CHECK(line["knn_last"]["by_seed"] == line["top1"]["by_seed"]);
    CHECK(line["knn_best"]["mean"] >= line["knn_last"]["mean"]);
    CHECK(line["minutes"]["mean"] > 0);
    CHECK(line["images_per_second"]["mean"] > 0);
  }
  CHECK(json["lines"][2]["difference"]["by_seed"] == nlohmann::json{0, 0});

  // A cell is a run as any other, and its result that of eval.
  const auto cell = table.root() / "lambda-4-seed2";
  REQUIRE(call_app({"eval", cell.string(), "--protocol", "knn", "--quiet"}).code == 0);
  const auto eval = nlohmann::json::parse(text_of(cell / "eval.json"));
  CHECK(eval["results"][0]["top1"] == json["lines"][1]["top1"]["by_seed"][1]);
  CHECK(eval["results"][1]["top1"] == json["lines"][5]["top1"]["by_seed"][1]);

  // Finished cells are not trained again; other seeds and fewer of them make another table of them.
  const auto trained = fs::last_write_time(cell / "status.json");
  CHECK(table.make({"--knn-every", "2", "--seeds", "2,3"}).code == 0);
  CHECK(table.json()["lines"][1]["top1"]["by_seed"][0] == json["lines"][1]["top1"]["by_seed"][1]);
  CHECK(table.make({"--knn-every", "2"}).code == 0);
  CHECK(table.json() == json);
  CHECK(fs::last_write_time(cell / "status.json") == trained);
}

TEST_CASE("A table killed or stopped at random moments ends as an undisturbed one") {
  const words two{"--seeds", "4,5", "--evaluator", "logistic"};
  const tiny_table whole("table3"), parts("table3");
  const auto start = clock_type::now();
  REQUIRE(whole.make(two).code == 0);
  const double seconds = duration<double>(clock_type::now() - start).count();
  const auto expected = timeless(whole);
  std::mt19937 random(2306);
  int disturbed = 0;
  for (int attempt = 0; attempt < 80 && disturbed < 12; ++attempt) {
    const int signal = attempt % 4 == 1 ? SIGINT : attempt % 4 == 3 ? SIGTERM : SIGKILL;
    // Each call gets a small share of the whole, so that there are many before the end.
    const double share = 0.02 + 0.07 * static_cast<double>(random()) / 4294967296.0;
    running_app program(TRIPTYCH_APP, parts.line(two));
    std::this_thread::sleep_for(duration<double>(seconds * share));
    program.send(signal);
    const auto result = program.wait();
    INFO("signal " << signal << ": " << result.err);
    if (result.code == 128 + signal) {
      ++disturbed;
    } else {  // it was faster: compare, and start over
      REQUIRE(result.code == 0);
      CHECK(timeless(parts) == expected);
      fs::remove_all(parts.out());
      disturbed = 0;
    }
  }
  CHECK(disturbed >= 10);
  REQUIRE(parts.make(two).code == 0);
  CHECK(timeless(parts) == expected);
}

TEST_CASE("A table killed at any write ends as an undisturbed one") {
  const words small{"--seeds", "1", "--epochs", "4"};
  const tiny_table whole("table3");
  REQUIRE(whole.make(small).code == 0);
  const auto expected = timeless(whole);
  int killed = 0;
  for (int passage = 1;; passage += passage < 20 ? 6 : 397) {
    const tiny_table parts("table3");
    INFO("passage " << passage);
    const auto result =
        call_app(parts.line(small), {"TRIPTYCH_FAILPOINT=*#" + std::to_string(passage)});
    if (result.code == 0) break;
    CHECK(result.code == 128 + SIGKILL);
    ++killed;
    const auto again = parts.make(small);
    INFO(again.err);
    REQUIRE(again.code == 0);
    CHECK(timeless(parts) == expected);
  }
  CHECK(killed >= 6);
}

TEST_CASE("A cell that another table of the directory has is taken from there") {
  const words one{"--seeds", "1"};
  const tiny_table patches("table4"), weights("table2"), alone("table2");
  REQUIRE(patches.make(one).code == 0);
  REQUIRE(alone.make(one).code == 0);
  const auto beside = [&](const words& more = {}) {
    return words{"--out", patches.out().string()} + one + more;
  };
  const fs::path theirs = patches.root() / "k-2-seed1",
                 taken = patches.out() / "table2/lambda-6-seed1";
  const auto text = [](const fs::path& run) { return text_of(run / "metrics.jsonl"); };

  SECTION("where it is the same run, also after a kill") {
    // The first write of the cell is its list, the last its record.
    for (const int passage : {12, 20, 28}) {
      static_cast<void>(
          call_app(weights.line(beside()), {"TRIPTYCH_FAILPOINT=*#" + std::to_string(passage)}));
    }
    const auto result = weights.make(beside());
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.out.find("| λ = 6 | 4 | 1 |") != std::string::npos);
    CHECK(text(taken) == text(theirs));
    CHECK_FALSE(fs::exists(taken / "checkpoints"));
    CHECK(fs::exists(patches.out() / "table2/lambda-2-seed1/checkpoints"));
    const auto top1 = [](const nlohmann::json& table) {
      std::vector<nlohmann::json> list;
      for (const auto& line : table["lines"]) list.push_back(line["top1"]);
      return list;
    };
    CHECK(top1(nlohmann::json::parse(text_of(patches.out() / "table2.json"))) ==
          top1(alone.json()));
  }
  SECTION("and not where anything of it is otherwise") {
    // Other points than were judged there, other settings, and other images under the same name.
    const std::vector<words> others{{"--points", "2"},
                                    {"--lr", "0.05"},
                                    {"--evaluator", "logistic"},
                                    {"--procedural-train", "80"}};
    for (const auto& other : others) {
      INFO(other[0]);
      const auto result = weights.make(beside(other));
      INFO(result.err);
      REQUIRE(result.code == 0);
      CHECK(fs::exists(taken / "checkpoints"));
      fs::remove_all(patches.out() / "table2");
    }
  }
}

TEST_CASE("A table that is asked to stop says how to go on") {
  const tiny_table table("table4");
  auto line = table.line({"--epochs", "40"});
  std::erase(line, "--quiet");
  running_app program(TRIPTYCH_APP, line);
  while (program.runs() && !fs::exists(table.root() / "k-1-seed1/checkpoints/latest")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  program.send(SIGHUP);
  const auto result = program.wait();
  INFO(result.err);
  CHECK(result.code == 128 + SIGHUP);
  CHECK(result.out.empty());
  CHECK(result.err.find("the same command, triptych reproduce table4") != std::string::npos);
  const auto status = nlohmann::json::parse(text_of(table.root() / "k-1-seed1/status.json"));
  CHECK((status["state"] == "interrupted" || status["state"] == "done"));
}

TEST_CASE("A table is made in pieces of time, and ends as an undisturbed one") {
  const words one{"--seeds", "1"}, piece = one + words{"--stop-after", "0.002"};
  const tiny_table whole("table4"), parts("table4");
  REQUIRE(whole.make(one).code == 0);
  int pieces = 1;
  auto result = parts.make(piece);
  for (; result.code == 128 + SIGALRM && pieces < 400; ++pieces) {
    CHECK(result.out.empty());
    result = parts.make(pieces < 10 ? piece : one);
  }
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(pieces > 1);
  CHECK(timeless(parts) == timeless(whole));

  const tiny_table told("table4");
  auto line = told.line(piece + words{"--epochs", "400"});
  std::erase(line, "--quiet");
  const auto stopped = call_app(line);
  CHECK(stopped.code == 128 + SIGALRM);
  CHECK(stopped.err.find("stopped by --stop-after; the same command") != std::string::npos);
  const auto status = nlohmann::json::parse(text_of(told.root() / "k-1-seed1/status.json"));
  CHECK(status["reason"] == "--stop-after");
}

TEST_CASE("Points look on the way, and a budget gives each row the epochs that it can pay") {
  const words two{"--seeds", "1", "--methods", "simclr,mncl"};
  const tiny_table halves("table1");
  REQUIRE(halves.make(two + words{"--points", "2"}).code == 0);
  const auto lines = halves.json()["lines"];
  REQUIRE(lines.size() == 6);
  for (const std::size_t i : {0u, 1u, 2u, 3u}) {
    CHECK(lines[i]["setting"] == (i < 2 ? "simclr" : "mncl"));
    CHECK(lines[i]["epochs"] == (i % 2 == 0 ? 2 : 4));
  }
  expect_refusal(halves, two, 6, "points is 2, not 0");

  const tiny_table equal("table1");
  const words thirty = two + words{"--budget", "30"};
  expect_refusal(equal, thirty, 2, "is what --budget decides; leave it out");
  auto line = equal.line(thirty);
  const auto epochs = std::find(line.begin(), line.end(), "--epochs");
  line.erase(epochs, epochs + 2);
  const auto made = call_app(line);
  INFO(made.err);
  REQUIRE(made.code == 0);
  const auto rows = equal.json()["lines"];
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]["epochs"] == 5);  // of cost 6
  CHECK(rows[1]["epochs"] == 2);  // of cost 13
  CHECK(rows[0]["difference"]["by_seed"][0].is_number());
  line.insert(line.end(), {"--out", (equal.out() / "none").string(), "--points", "3"});
  const auto refused = call_app(last_wins(line));
  CHECK(refused.code == 2);
  CHECK(refused.err.find("epochs: 2 of mncl (from flag --budget) have no 3 parts, after each of "
                         "which table1 looks; give --budget 39 or more") != std::string::npos);
}

TEST_CASE("A linear evaluation gives last and best epoch, and goes on where it was stopped") {
  const words linear{"--methods", "simclr,moco", "--seeds", "1", "--evaluator", "linear"};
  const tiny_table table("table1");
  running_app program(TRIPTYCH_APP, table.line(linear));
  const auto state = table.root() / "moco-seed1/eval/linear-step-000016/latest";
  while (program.runs() && !fs::exists(state)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  program.send(SIGKILL);
  CHECK(program.wait().code == 128 + SIGKILL);
  const auto result = table.make(linear);
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK_FALSE(fs::exists(state));
  CHECK(result.out.find("| best epoch % |") != std::string::npos);
  const auto json = table.json();
  REQUIRE(json["lines"].size() == 4);
  CHECK(json["lines"][0]["setting"] == "moco");
  CHECK(json["lines"][0]["cost"] == 4);
  CHECK(json["lines"][1]["cost"] == 6);
  CHECK(json["lines"][0]["best_top1"]["mean"] >= json["lines"][0]["top1"]["mean"]);
  CHECK(json["lines"][2]["judged_by"] == "logistic");  // the untrained encoder
  CHECK(json["reference"] == "moco");
}

TEST_CASE("Unasked, the evaluator follows from the number of images, and a table keeps its own") {
  const words one{"--methods", "moco", "--seeds", "1"}, unasked{"--evaluator", "auto"};
  const tiny_table table("table1");
  const auto made = table.make(one + unasked);
  INFO(made.err);
  REQUIRE(made.code == 0);
  const std::string why =
      "64 images make 90 steps of the paper's linear evaluation, too few for LARS";
  CHECK(made.out.find("- judged by: logistic; " + why + "\n") != std::string::npos);
  CHECK(table.json()["judged_by"] == "logistic");
  CHECK(table.json()["judged_because"] == why);
  CHECK(text_of(table.root() / "config.toml").find("evaluator = \"logistic\"") !=
        std::string::npos);
  CHECK(table.make(one + unasked).out == made.out);
  expect_refusal(table, one + words{"--evaluator", "linear"}, 6,
                 "evaluator is logistic, not linear");

  const tiny_table older("table1");
  REQUIRE(older.make(one).code == 0);  // by neighbors
  CHECK(older.json()["judged_because"] == "");
  const auto again = older.make(one + unasked);
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(again.out.find("- judged by: kNN; as this table was begun\n") != std::string::npos);
}

TEST_CASE("A directory made by other settings is refused with the difference, and stays as it is") {
  const tiny_table table("table4");
  const words few{"--seeds", "1"};
  REQUIRE(table.make(few).code == 0);
  expect_refusal(table, few + words{"--epochs", "8"}, 6, "epochs is 4, not 8 (from flag --epochs)");
  expect_refusal(table, words{"--seeds", "2", "--width", "4"}, 6, "width is 2, not 4");
  expect_refusal(table, few + words{"--evaluator", "logistic"}, 6,
                 "evaluator is knn, not logistic");
  // A cell that somebody else has trained in its place.
  auto other = words{"train"} + last_wins(tiny_options + words{"--combine-k", "3", "--lr", "0.01"});
  const auto cell = (table.root() / "k-3-seed1").string();
  REQUIRE(call_app(other + words{"--out", cell, "--overwrite", "--quiet"}).code == 0);
  expect_refusal(table, few, 6, "k-3-seed1 was made otherwise");
}

TEST_CASE("What is not its own is not touched, and bad input makes nothing") {
  const tiny_table table("table2");
  expect_refusal(table, {"--data", "cifar10", "--data-dir", "/nowhere"}, 5, "/nowhere");
  expect_refusal(table, {"--batch", "65", "--queue", "80"}, 2,
                 "the batch of 65 exceeds the 64 training images");
  CHECK_FALSE(fs::exists(table.out()));
  fs::create_directories(table.out());
  std::ofstream(table.out() / "table2.md") << "notes";
  expect_refusal(table, {}, 2, "table2.md is there and was not made by reproduce");
  fs::remove(table.out() / "table2.md");
  fs::create_directories(table.root());
  std::ofstream(table.root() / "thesis.tex") << "notes";
  expect_refusal(table, {}, 2, "thesis.tex is there and was not made by reproduce");
}

TEST_CASE("A row that diverges does not keep the others from their end") {
  const tiny_table table("table1");
  const words wild{"--seeds", "1", "--methods", "nnclr,mncl", "--lr", "1e30", "--clip-norm", "0"};
  const auto result = table.make(wild);
  INFO(result.err);
  CHECK(result.code == 3);
  CHECK(result.err.find("nnclr-seed1") != std::string::npos);
  CHECK(result.err.find("mncl-seed1") != std::string::npos);
  CHECK(result.out.find("| NNCLR | 4 | 0 |") != std::string::npos);
}

TEST_CASE("A cell that was killed while it saved for the last time is not finished") {
  const words one{"--seeds", "1"};
  const tiny_table whole("table4");
  REQUIRE(whole.make(one).code == 0);
  const auto encoder = [](const tiny_table& table) {
    return text_of(table.root() / "k-1-seed1/export/encoder.safetensors");
  };
  // Before `latest` was swung, and before the encoder of that step was exported.
  struct strike {
    const char *moment, *latest;
  };
  for (const auto& [moment, latest] : {strike{"checkpoint.renamed#5", "step-000012"},
                                       strike{"checkpoint.pruned#5", "step-000016"}}) {
    INFO(moment);
    const tiny_table parts("table4");
    CHECK(call_app(parts.line(one), {std::string("TRIPTYCH_FAILPOINT=") + moment}).code ==
          128 + SIGKILL);
    const auto cell = parts.root() / "k-1-seed1";
    REQUIRE(fs::exists(cell / "checkpoints/step-000016"));
    REQUIRE(fs::read_symlink(cell / "checkpoints/latest") == latest);
    const auto result = parts.make(one);
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(fs::read_symlink(cell / "checkpoints/latest") == "step-000016");
    CHECK(nlohmann::json::parse(text_of(cell / "status.json"))["state"] == "done");
    CHECK((encoder(parts) == encoder(whole)));
    CHECK(timeless(parts) == timeless(whole));
  }
}

TEST_CASE("A table that was killed before it had written its settings begins anew") {
  const words one{"--methods", "moco", "--seeds", "1"};
  const tiny_table table("table1");
  CHECK(call_app(table.line(one), {"TRIPTYCH_FAILPOINT=sync#5"}).code == 128 + SIGKILL);
  REQUIRE(fs::exists(table.root() / ".triptych"));
  REQUIRE_FALSE(fs::exists(table.root() / "config.toml"));
  const auto result = table.make(one);
  INFO(result.err);
  CHECK(result.code == 0);
}

TEST_CASE("What a killed table left unfinished is removed by the next call, and nothing else") {
  const words one{"--methods", "moco", "--seeds", "1", "--evaluator", "linear"};
  const tiny_table table("table1");
  REQUIRE(table.make(one).code == 0);
  const words ours{"out/.tmp-table1.md-12", "out/table1/.tmp-baselines-seed1.json-12",
                   "out/table1/moco-seed1/eval/.tmp-step-000016.json-12"};
  const words foreign{"out/.tmp-table2.md-12", "out/.tmp-cache", "out/table1/.tmp-cache",
                      "out/table1/moco-seed1/eval/.tmp-cache"};
  const auto box = table.out().parent_path();
  for (const auto& name : ours + foreign) std::ofstream(box / name) << "x";
  const auto result = table.make(one);
  INFO(result.err);
  REQUIRE(result.code == 0);
  for (const auto& name : ours) CHECK_FALSE(fs::exists(box / name));
  for (const auto& name : foreign) CHECK(fs::exists(box / name));
}

TEST_CASE("A table that an older version began without lists goes on") {
  const words one{"--methods", "moco", "--seeds", "1"};
  const tiny_table table("table1");
  REQUIRE(table.make(one).code == 0);
  const auto expected = timeless(table);
  remove_lists(table.out());
  const auto again = table.make(one);
  INFO(again.err);
  CHECK(again.code == 0);
  CHECK(timeless(table) == expected);
}
