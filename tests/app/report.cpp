// The command `report` as a user calls it: what the page holds, and what is refused.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/pictures.hpp"

using namespace triptych::test;

namespace {

struct page_of {
  app_result result;
  std::string html;

  [[nodiscard]] bool has(const std::string& text) const {
    return html.find(text) != std::string::npos;
  }
};

/// The page of some runs, written beside the first one.
page_of report_page(const tiny_run& run, const words& more = {}, const words& others = {}) {
  const auto out = run.beside("report.html");
  const auto result = call_app(words{"report", run.root().string()} + others +
                               words{"--out", out.string(), "--quiet"} + more);
  INFO(result.err);
  CHECK(result.code == 0);
  return {result, text_of(out)};
}

/// The numbers of a column that are not null, as the metrics have them: "1,4.5 2,4.4".
std::string logged(const tiny_run& run, const std::string& column) {
  std::string all;
  std::istringstream lines(text_of(run.root() / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    // As texts, for these are the shortest that read back as the same bits.
    const std::regex pattern("\"step\": ?(\\d+),.*\"" + column + "\": ?([^,}]*)[,}]");
    std::smatch found;
    REQUIRE(std::regex_search(line, found, pattern));
    if (found[2] == "null") continue;
    all += (all.empty() ? "" : " ") + std::string(found[1]) + "," + std::string(found[2]);
  }
  return all;
}

const words no_pictures{"--pictures", "off"};

/// Trains on pictures in class folders; where they lie.
fs::path trained_on_pictures(const tiny_run& run) {
  const auto pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  write_pictures(pictures / "test", 100, 2);
  REQUIRE(run.train(folder_model(pictures) + words{"--max-steps", "2"}).code == 0);
  return pictures;
}

}  // namespace

TEST_CASE("Every number in the charts of a page is that of the metrics") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--knn-every", "1"}).code == 0);
  const auto page = report_page(run, no_pictures);
  CHECK(page.result.out.starts_with("wrote "));
  for (const char* column : {"loss", "loss_m", "loss_s", "lr", "grad_norm", "feature_std",
                             "effective_rank", "nn_same_label", "queue_age", "knn_top1"}) {
    INFO(column);
    CHECK(page.has("data-name=\"" + std::string(column) + "\" data-points=\"" +
                   logged(run, column) + "\""));
  }
  CHECK(page.has("Did it learn?"));
  CHECK(page.has("Finished: step 16 of 16, epoch 4 of 4."));
  CHECK(page.has("triptych train --config " + (run.root() / "config.toml").string()));
  CHECK(
      page.has(nlohmann::json::parse(text_of(run.root() / "data.json"))["images"]["train"]["xxh64"]
                   .get<std::string>()));
}

TEST_CASE("train --report writes the page that report writes, and the same run") {
  const tiny_run plain, run;
  REQUIRE(plain.train().code == 0);
  const auto page = run.root() / "report.html";
  const auto trained = run.train(tiny_options + words{"--report"});
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  CHECK(trained.out.find("report   " + page.string() + "\n") != std::string::npos);
  const auto written = text_of(page);
  CHECK(report_page(run).html == written);
  // The option stands in the configuration alone: no weight and no number is another.
  CHECK(differing(outcome(run), outcome(plain)) == words{"MANIFEST.json", "config.toml"});
  // It belongs to the run, and goes with it.
  CHECK(text_of(run.root() / ".triptych").find("report.html\n") != std::string::npos);
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2", "--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(page));
}

TEST_CASE("train --report holds for a resumed run, and waits for the end of an interrupted one") {
  const tiny_run run;
  const auto page = run.root() / "report.html";
  running_app program(TRIPTYCH_APP, run.line(longer + words{"--report"}));
  REQUIRE(run.reaches(2, program));
  program.send(SIGTERM);
  CHECK(program.wait().code == 143);
  CHECK_FALSE(fs::exists(page));
  const auto resumed = run.train({"--resume", "--json"});
  INFO(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(nlohmann::json::parse(resumed.out)["report"] == page.string());
  CHECK(report_page(run).html == text_of(page));
}

TEST_CASE("A page that cannot be written costs nothing of the training") {
  const tiny_run run;
  const auto page = run.root() / "report.html";
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  std::ofstream(page) << "mine";
  const auto refused = run.train({"--resume", "--report"});
  CHECK(refused.code == 2);
  CHECK(refused.err.find("'" + page.string() + "' from flag --report is there and is no report") !=
        std::string::npos);
  CHECK(run.status()["step"] == 4);  // it was said before the training
  CHECK(text_of(page) == "mine");

  fs::remove(page);
  REQUIRE(run.train({"--resume"}).code == 0);
  const std::string advice =
      "then try again (triptych report " + run.root().string() + " --out " + page.string() + ")\n";
  bool of_page = false;  // the last write is that of the page
  for (int k = 1; k < 100; ++k) {
    const auto result = run.train({"--resume", "--report"},
                                  {"TRIPTYCH_FAILPOINT=write#" + std::to_string(k) + ":ENOSPC"});
    if (result.code == 0) break;
    INFO(result.err);
    CHECK(result.code == 74);
    of_page = result.err.ends_with(advice);
    CHECK((result.out.find("encoder  ") != std::string::npos) == of_page);
    CHECK((run.status()["state"] == "done" || !of_page));
  }
  CHECK(of_page);
  CHECK(fs::exists(page));
}

TEST_CASE("A page needs nothing else: no network, no script from elsewhere") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto page = report_page(run);
  const std::regex outside(
      "(src|href)=\"(?!data:|#)|url\\(|@import|https?://(?!www\\.w3\\.org/2000/svg)");
  std::smatch found;
  CHECK_FALSE(std::regex_search(page.html, found, outside));
  CHECK(page.html.size() < 2'000'000);
}

TEST_CASE("A run that was stopped, resumed or killed says so") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "6"}).code == 0);
  CHECK(report_page(run, no_pictures).has("Stopped as asked (--max-steps 6 of 16): step 6 of 16"));
  REQUIRE(run.train({"--resume", "--max-steps", "9"}).code == 0);
  CHECK(report_page(run, no_pictures).has("It was resumed once, after step 6."));
  REQUIRE(run.train({"--resume"}).code == 0);
  CHECK(report_page(run, no_pictures).has("It was resumed several times, after step 6, 9."));

  const auto status = [&](const std::string& text) {
    std::ofstream(run.root() / "status.json") << text;
    return report_page(run, no_pictures);
  };
  CHECK(status(R"({"state": "interrupted", "step": 8, "reason": "signal 15"})")
            .has("Interrupted (signal 15) at step 8 of 16, epoch 2 of 4;"));
  CHECK(status(R"({"state": "running", "step": 8, "reason": ""})").has("Killed after"));
}

TEST_CASE("A run of a single step says that it says nothing") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto page = report_page(run, no_pictures);
  CHECK(page.has("Not known: a single step was logged"));
  CHECK(page.has("A single step (--max-steps 1 of 16)."));
  CHECK(page.has("<circle"));
}

TEST_CASE("Several runs: what differs comes first, their curves are in one chart") {
  const tiny_run one, other;
  REQUIRE(one.train(tiny_options + words{"--knn-every", "2"}).code == 0);
  REQUIRE(other.train(tiny_options + words{"--temperature", "0.25", "--knn-every", "2"}).code == 0);
  const auto page = report_page(one, {}, {other.root().string()});
  const std::string row = "<tr><td>temperature</td><td>1</td><td>0.25</td></tr>";
  CHECK(page.has(row));
  CHECK(page.html.find(row) < page.html.find("<svg"));
  CHECK_FALSE(page.has("<tr><td>lr</td>"));
  const auto loss = page.html.substr(page.html.find("aria-label=\"Loss\""));
  const auto chart = loss.substr(0, loss.find("</svg>"));
  CHECK(chart.find(logged(one, "loss")) != std::string::npos);
  CHECK(chart.find(logged(other, "loss")) != std::string::npos);
  CHECK(page.has("kNN while training, last"));

  const auto same = report_page(one, {}, {one.root().string()});
  CHECK(same.has("Nothing that is recorded"));
}

TEST_CASE("Class names and paths are text on the page, whatever they are") {
  const tiny_run run;
  const auto pictures = run.beside("pictures");
  const std::vector<std::string> classes{"<script>alert(1)", "b\xff&\"'>"};
  write_pictures(pictures / "train", 1, 8, classes);
  write_pictures(pictures / "test", 100, 2, classes);
  REQUIRE(run.train(folder_model(pictures) + words{"--max-steps", "2"}).code == 0);
  REQUIRE(call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"}).code == 0);
  const auto page = report_page(run);
  CHECK_FALSE(page.has("<script>alert"));
  CHECK(page.has("&lt;script&gt;alert(1)"));
  CHECK(page.has("b\\xff&amp;&quot;&#39;&gt;"));
  CHECK_FALSE(page.has("\xff"));
}

TEST_CASE("The pictures of a run: views, neighbors, map, classes and patches") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const auto page = report_page(run);
  for (const char* id : {"views", "neighbors", "map", "confusion", "patches"}) {
    INFO(id);
    CHECK(page.has("<section id=\"" + std::string(id) + "\">"));
  }
  // 6 images, each itself, in 3 views and cut into 4; 12 times a test image and 8 neighbors; 8
  // images beside their similarities.
  const std::regex png("data:image/png;base64,iVBORw0KGgo");
  const auto count = [&](const std::regex& pattern) {
    return std::distance(std::sregex_iterator(page.html.begin(), page.html.end(), pattern), {});
  };
  CHECK(count(png) == 6 * (1 + 3 + 4) + 12 * (1 + 8) + 8);
  CHECK(count(std::regex("data-cosine=")) == 8 * 6);
  CHECK(page.has("kNN, for this page, with 64 training and 32 test images"));
  CHECK(report_page(run).html == page.html);  // nothing of it is chance
  const auto fewer = report_page(run, {"--map", "0"});
  CHECK_FALSE(fewer.has("<section id=\"map\">"));

  const tiny_run other;
  REQUIRE(other.train(tiny_options + words{"--method", "fast_moco", "--max-steps", "4"}).code == 0);
  CHECK(report_page(other).has("data-cosine="));
  const tiny_run without;
  REQUIRE(without.train(tiny_options + words{"--method", "simclr", "--max-steps", "4"}).code == 0);
  const auto plain = report_page(without);
  CHECK(plain.has("<section id=\"neighbors\">"));
  CHECK_FALSE(plain.has("data-cosine="));
}

TEST_CASE("The confusion matrix of an evaluation is the one that is shown") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  REQUIRE(call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"}).code == 0);
  const auto page = report_page(run);
  CHECK(page.has("Judged by trained, kNN."));
  CHECK(page.has("of the untrained encoder"));
  std::istringstream csv(text_of(run.root() / "eval/confusion-trained-knn.csv"));
  std::string line;
  std::getline(csv, line);
  for (int label = 0; std::getline(csv, line); ++label) {
    std::istringstream row(line);
    std::string cell;
    std::getline(row, cell, ',');
    for (int taken = 0; std::getline(row, cell, ','); ++taken) {
      const auto said = "<title>class " + std::to_string(label) + " taken for class " +
                        std::to_string(taken) + ": ";
      CHECK(page.has(said) == (cell != "0"));
      if (cell != "0") CHECK(page.has(said + cell + " of "));
    }
  }
}

TEST_CASE("Without its images a run has a page that says what to give") {
  const tiny_run run;
  const auto pictures = trained_on_pictures(run);
  fs::rename(pictures, run.beside("moved"));
  const auto page = report_page(run);
  CHECK(page.has("There are none, for this reason: "));
  CHECK(page.has("--data-dir DIR"));
  CHECK(page.has("aria-label=\"Loss\""));
  CHECK(report_page(run, {"--data-dir", run.beside("moved").string()})
            .has("<section id=\"neighbors\">"));
}

TEST_CASE("What cannot be opened costs the pictures and not the page, and the exit code says so") {
  const tiny_run run;
  const auto pictures = trained_on_pictures(run);
  fs::remove_all(pictures / "train");
  fs::create_directory_symlink("train", pictures / "train");  // onto itself
  const auto out = run.beside("r.html");
  const auto result = call_app({"report", run.root().string(), "--quiet", "--out", out.string()});
  INFO(result.err);
  const auto html = text_of(out);
  CHECK(html.find("aria-label=\"Loss\"") != std::string::npos);
  CHECK(html.find("There are none, for this reason: ") != std::string::npos);
}

TEST_CASE("A run in f64 has its patches drawn as well") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options +
                    words{"--dtype", "f64", "--backend", "reference", "--max-steps", "2"})
              .code == 0);
  const auto page = report_page(run);
  CHECK(page.has("<section id=\"neighbors\">"));
  CHECK(page.has("data-cosine="));
}

TEST_CASE("Why there are no pictures is not said to be the place of images where it is not") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  fs::remove_all(run.checkpoints());
  fs::create_directory(run.checkpoints());
  const auto page = report_page(run);
  CHECK(page.has("There are none, for this reason: "));
  CHECK_FALSE(page.has("Images that lie elsewhere"));
}

TEST_CASE("Numbers of images that no data set has are refused where they are read") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  REQUIRE(call_app({"eval", run.root().string(), "--quiet", "--protocol", "knn"}).code == 0);
  const auto refused = [&](const fs::path& file, const std::string& pattern, const std::string& by,
                           const std::string& said) {
    const auto text = text_of(file);
    const auto damaged =
        std::regex_replace(text, std::regex(pattern), by, std::regex_constants::format_first_only);
    REQUIRE(damaged != text);
    std::ofstream(file) << damaged;
    const auto result = call_app({"report", run.root().string(), "--quiet", "--pictures", "off",
                                  "--out", run.beside("r.html").string()});
    INFO(result.err);
    CHECK(result.code == 6);
    CHECK(result.err.find(said) != std::string::npos);
    std::ofstream(file) << text;
  };
  refused(run.root() / "data.json", "\"images\": 64", "\"images\": 9000000000000000000",
          "too many images; remove the file");
  refused(run.root() / "eval/confusion-trained-knn.csv", "\n0,[0-9]+,", "\n0,9000000000000000000,",
          "is no confusion matrix");
}

TEST_CASE("A damaged checkpoint costs the pictures, and the exit code says so") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  const auto file = run.latest() / "model.safetensors";
  auto bytes = text_of(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(file, std::ios::binary) << bytes;
  const auto out = run.beside("r.html");
  const auto result = call_app({"report", run.root().string(), "--quiet", "--out", out.string()});
  CHECK(result.code == 6);
  CHECK(result.err.find("does not match its checksum") != std::string::npos);
  const auto html = text_of(out);
  CHECK(html.find("does not match its checksum") != std::string::npos);
  CHECK(html.find("aria-label=\"Loss\"") != std::string::npos);
}

TEST_CASE("What is no run, and what would cost somebody a file, is refused in one sentence") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  const auto root = run.root().string();
  const auto refused = [&](const words& line, int code, const std::string& part) {
    const auto result = call_app(words{"report", "--quiet"} + line);
    INFO(result.err);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.err.find(part) != std::string::npos);
  };
  const auto out = run.beside("x.html").string();
  refused({}, 2, "report needs a run");
  refused({run.beside("nothing").string(), "--out", out}, 2, "there is no '");
  refused({run.beside("").string(), "--out", out}, 2, "is no run");
  refused({(run.root() / "config.toml").string(), "--out", out}, 2, "is no run");
  refused({root, "--out", run.beside("nowhere/x.html").string()}, 74, "cannot open");
  refused({root, "--out", run.beside("").string()}, 2, "is a directory");
  std::ofstream(out) << "<!doctype html>\n<p>mine</p>\n";
  refused({root, "--out", out}, 2, "is there and is no report of triptych");
  CHECK(text_of(out) == "<!doctype html>\n<p>mine</p>\n");
  std::ofstream(out, std::ios::trunc).flush();
  refused({root, "--out", out}, 2, "is there and is no report of triptych");
  refused({root, "--out", "/dev/full"}, 74, "free some disk space");

  const tiny_run half;
  fs::create_directories(half.root());
  fs::copy(run.root() / "config.toml", half.root());
  // A table has a config.toml, too.
  refused({half.root().string(), "--out", run.beside("y.html").string()}, 2, "is no run");
  fs::copy(run.root() / "status.json", half.root());
  refused({half.root().string(), "--out", run.beside("y.html").string()}, 2,
          "has logged no step yet");
  std::ofstream(half.root() / "config.toml") << "[project]\nname = 'theirs'\n";
  refused({half.root().string(), "--out", run.beside("y.html").string()}, 6, "config.toml:1");
  fs::remove(half.root() / "config.toml");
  refused({half.root().string(), "--out", run.beside("y.html").string()}, 6,
          "config.toml is missing; give another run");
  std::ofstream(run.root() / "metrics.jsonl") << "not json\n";
  refused({root, "--out", run.beside("y.html").string()}, 6, "metrics.jsonl, line 1");
  CHECK_FALSE(fs::exists(run.beside("y.html")));
}

TEST_CASE("A run in a path of any bytes has a page, and so has a report") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  const auto odd = run.beside("<b> \xff'"), out = run.beside("\xfe.html");
  fs::rename(run.root(), odd);
  const auto result =
      call_app(words{"report", odd.string(), "--out", out.string(), "--quiet"} + no_pictures);
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto html = text_of(out);
  CHECK(html.find('\xff') == std::string::npos);
  CHECK(html.find("&lt;b&gt; \\xff&#39;</h1>") != std::string::npos);
}

TEST_CASE("A report of ours is replaced") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  const auto first = report_page(run, no_pictures);
  REQUIRE(run.train({"--resume"}).code == 0);
  const auto second = report_page(run, no_pictures);
  CHECK(first.html != second.html);
}
