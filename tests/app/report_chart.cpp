// The parts of a report: charts whose numbers are read back, text that cannot become markup, and
// what is concluded from the numbers of a run.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "triptych/collapse_rule.hpp"
#include "triptych/report/axis.hpp"
#include "triptych/report/csv_rows.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/line_chart.hpp"
#include "triptych/report/verdict.hpp"

#include "support/catch.hpp"

using namespace triptych::app;

namespace {

std::vector<double> numbers_in(std::string text) {
  for (char& c : text) c = c == ',' ? ' ' : c;
  std::istringstream in(text);
  std::vector<double> list;
  for (double x = 0; in >> x;) list.push_back(x);
  return list;
}

std::vector<std::string> attributes(const std::string& html, const std::string& name) {
  std::vector<std::string> found;
  const std::regex pattern(name + "=\"([^\"]*)\"");
  for (std::sregex_iterator at(html.begin(), html.end(), pattern), end; at != end; ++at) {
    found.push_back((*at)[1]);
  }
  return found;
}

line_chart chart_of_points(const std::vector<point>& points, bool smooth = false) {
  return {.title = "Loss",
          .note = "",
          .x_title = "step",
          .y_title = "loss",
          .curves = {{"loss", points, 0, smooth}}};
}

reported_run run_with(const std::vector<double>& loss, const std::vector<double>& knn = {},
                      const std::vector<double>& spread = {}) {
  reported_run run;
  run.name = "runs/one";
  run.status.state = "done";
  run.status.step = static_cast<std::int64_t>(loss.size());
  run.images.emplace();
  run.images->classes = 10;
  run.images->train.images = 1024;
  run.images->test.images = 1000;
  run.options.epochs = 2;
  run.options.head.projector = {4};
  const auto add = [&](const char* name, const std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      run.metrics[name].push_back({static_cast<std::int64_t>(i + 1), values[i]});
    }
  };
  add("loss", loss);
  add("knn_top1", knn);
  add("feature_std", spread);
  return run;
}

judgment judged(const char* features, double top1) {
  return {features, "logistic", {top1, 90}, "", triptych::eval::interval{top1 - 2, top1 + 2}};
}

}  // namespace

TEST_CASE("The ticks of an axis are round numbers that cover it") {
  CHECK(axis_for(0, 100, 5).ticks() == std::vector<double>{0, 20, 40, 60, 80, 100});
  CHECK(axis_for(3, 3, 5).ticks().size() >= 2);
  CHECK(axis_for(0, 0, 5).share(0) == 0.5);
  const auto round = round_axis_for(0.31, 0.88, 5);
  CHECK(round.low == Approx(0.2));
  CHECK(round.high == Approx(1.0));
  CHECK(tick_text(0.25, 0.05) == "0.25");
  CHECK(tick_text(0, 5) == "0");
  CHECK(tick_text(20000, 5000) == "20k");
  CHECK(tick_text(12500, 500) == "12.5k");
  CHECK(tick_text(1.5e6, 5e5) == "1.5M");
  CHECK(tick_text(0.00002, 0.00001) == "2e-05");
}

TEST_CASE("An axis of numbers of any size has finite ends and ticks") {
  constexpr double huge = std::numeric_limits<double>::max(), tiny = 5e-324;
  const std::vector<std::pair<double, double>> ranges{
      {-huge, huge}, {0, huge},    {huge, huge},   {0, tiny},      {tiny, tiny},
      {-tiny, tiny}, {-1e-300, 0}, {1, 1 + 1e-16}, {1, 1 + 4e-16}, {1e17, 1e17 + 16}};
  for (const auto& range : ranges) {
    INFO(range.first << " to " << range.second);
    for (const auto& a :
         {axis_for(range.first, range.second, 5), round_axis_for(range.first, range.second, 5)}) {
      CHECK(std::isfinite(a.high - a.low));
      CHECK(a.low < a.high);
      CHECK(std::isnormal(a.step));
      CHECK(std::isfinite(a.share(range.first)));
      CHECK(std::isfinite(a.share(range.second)));
      const auto ticks = a.ticks();
      CHECK(ticks.size() >= 2);
      CHECK(ticks.size() < 20);
      for (std::size_t i = 0; i < ticks.size(); ++i) {
        CHECK(std::isfinite(ticks[i]));
        if (i > 0) CHECK(ticks[i] > ticks[i - 1]);
        CHECK_FALSE(tick_text(ticks[i], a.step).empty());
      }
    }
  }
  const auto html = figure_of(chart_of_points({{1, -huge}, {2, huge}, {3, huge}}, true));
  CHECK(html.find("inf") == std::string::npos);
  CHECK(html.find("nan") == std::string::npos);
}

TEST_CASE("A chart holds its numbers to the bit, and draws them where its axes say") {
  const std::vector<point> points{{1, 4.852030263919617}, {2, 0.1}, {5, 3}, {7, -1.0 / 3}};
  const auto html = figure_of(chart_of_points(points));
  const auto exact = numbers_in(attributes(html, "data-points").at(0));
  const auto drawn = numbers_in(attributes(html, " points").at(0));
  const auto x = numbers_in(attributes(html, "data-x").at(0));
  const auto y = numbers_in(attributes(html, "data-y").at(0));
  REQUIRE(exact.size() == 2 * points.size());
  REQUIRE(drawn.size() == 2 * points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(exact[2 * i] == points[i].x);
    CHECK(exact[2 * i + 1] == points[i].y);
    const double across = (drawn[2 * i] - x[2]) / (x[3] - x[2]);
    const double up = (drawn[2 * i + 1] - y[2]) / (y[3] - y[2]);
    CHECK(x[0] + across * (x[1] - x[0]) == Approx(points[i].x).margin(0.001 * (x[1] - x[0])));
    CHECK(y[0] + up * (y[1] - y[0]) == Approx(points[i].y).margin(0.001 * (y[1] - y[0])));
  }
}

TEST_CASE("Of a long curve neighbors are left out, and neither its ends nor its peaks") {
  std::vector<point> points;
  for (int i = 0; i < 10000; ++i) points.push_back({double(i), i == 4321 ? 99.0 : i % 7 / 7.0});
  const auto left = thinned(points, 100);
  CHECK(left.size() <= 100);
  CHECK(left.front() == points.front());
  CHECK(left.back() == points.back());
  CHECK(std::count(left.begin(), left.end(), points[4321]) == 1);
  for (const auto& p : left) CHECK(p == points[static_cast<std::size_t>(p.x)]);
  CHECK(thinned(points, 10000) == points);
}

TEST_CASE("The first and the last group of a thinned curve keep both extremes and the end") {
  std::vector<point> points(1000);
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = {double(i), 5};
  // First: begins at 5, then 9, then 1. Last: 1, then 9, then the end at 5.
  points[1].y = points[998].y = 9;
  points[2].y = points[997].y = 1;
  const auto left = thinned(points, 100);
  CHECK(left.size() <= 100);
  for (const std::size_t i : {0u, 1u, 2u, 997u, 998u, 999u}) {
    INFO(i);
    CHECK(std::count(left.begin(), left.end(), points[i]) == 1);
  }
  CHECK(std::is_sorted(left.begin(), left.end(),
                       [](const point& a, const point& b) { return a.x < b.x; }));
}

TEST_CASE("A running mean has no lag: a line stays the line, and the ends stay") {
  std::vector<point> line, noisy;
  for (int i = 0; i < 100; ++i) {
    line.push_back({double(i), 3.0 * i});
    noisy.push_back({double(i), i % 2 == 0 ? 1.0 : -1.0});
  }
  const auto same = smoothed(line);
  for (std::size_t i = 0; i < line.size(); ++i) CHECK(same[i].y == Approx(line[i].y));
  const auto calm = smoothed(noisy);
  CHECK(calm.front() == noisy.front());
  CHECK(std::abs(calm[50].y) <= 0.2);
}

TEST_CASE("One huge number makes no mean wrong that it is not part of") {
  std::vector<point> points;
  for (int i = 0; i < 200; ++i) points.push_back({double(i), i == 3 ? 1e17 : 0.1});
  const auto means = smoothed(points);
  for (std::size_t i = 9; i < means.size(); ++i) CHECK(means[i].y == Approx(0.1));
  CHECK(means[5].y > 1e15);
}

TEST_CASE("A single point is a dot, and a chart of none is drawn") {
  CHECK(figure_of(chart_of_points({{1, 2}})).find("<circle") != std::string::npos);
  CHECK(figure_of(chart_of_points({})).find("<svg") != std::string::npos);
}

TEST_CASE("Text from elsewhere is no markup, whatever its bytes are") {
  CHECK(html::escaped("<script>alert('1' & \"2\")</script>") ==
        "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;");
  CHECK(html::escaped("caf\xc3\xa9 \xff\x1b") == "caf\xc3\xa9 \\xff\\u001b");
  CHECK(html::escaped_lines("a<\nb") == "a&lt;\nb\n");
  auto chart = chart_of_points({{1, 2}, {2, 3}});
  chart.title = chart.curves[0].name = chart.x_title = "\"><script>\xff";
  chart.levels = {{"<script>", 1}};
  CHECK(figure_of(chart).find("<script") == std::string::npos);
}

TEST_CASE("CSV is read with quotes, commas and line breaks in its fields") {
  CHECK(csv_rows("a,\"b,\"\"c\"\"\"\r\n1,\"x\ny\"\n") ==
        std::vector<std::vector<std::string>>{{"a", "b,\"c\""}, {"1", "x\ny"}});
  CHECK(csv_rows("").empty());
}

TEST_CASE("Whether a run learned is told by accuracies, not by its loss") {
  auto run = run_with({5, 4, 3, 2});
  auto v = verdict_of(run);
  CHECK(v.learned == answer::open);
  CHECK(v.sentences.at(0) == "The loss fell from 5 (step 1) to 2 (step 4).");
  CHECK(v.sentences.back().find("triptych eval runs/one") != std::string::npos);

  CHECK(verdict_of(run_with({5, 2}, {20, 40})).learned == answer::yes);
  CHECK(verdict_of(run_with({5, 2}, {40, 20})).learned == answer::no);
  v = verdict_of(run_with({5, 2}, {40, 41}));
  CHECK(v.learned == answer::open);
  CHECK(v.sentences.at(1) ==
        "kNN accuracy went from 40.0 % (step 1) to 41.0 % (step 2); chance is 10.0 %.");

  run.judged.emplace();
  run.judged->results = {judged("trained", 50)};
  CHECK(verdict_of(run).learned == answer::open);
  run.judged->results.push_back(judged("untrained", 40));
  CHECK(verdict_of(run).learned == answer::yes);
  run.judged->results[1] = judged("untrained", 51);
  CHECK(verdict_of(run).learned == answer::open);
  run.judged->results[1] = judged("untrained", 53);
  CHECK(verdict_of(run).learned == answer::no);
}

TEST_CASE(
    "An evaluation of the untrained encoder alone, or by another protocol, compares nothing") {
  auto run = run_with({5, 4, 3, 2});
  run.judged.emplace();
  run.judged->results = {judged("untrained", 40)};
  CHECK(verdict_of(run).learned == answer::open);
  run.judged->results.push_back(judged("trained", 50));
  run.judged->results.back().protocol = "kNN";
  const auto v = verdict_of(run);
  CHECK(v.learned == answer::open);
  const auto said = std::any_of(v.sentences.begin(), v.sentences.end(), [](const auto& s) {
    return s.find("50.0 % of the test images are right") != std::string::npos;
  });
  CHECK(said);
}

TEST_CASE("A collapse is a loss of half the spread, and is over a bit above that") {
  collapse_rule rule;
  CHECK_FALSE(rule.add(0.8));
  CHECK_FALSE(rule.add(0.4));
  CHECK(rule.add(0.39));
  CHECK(rule.add(0.47));
  CHECK_FALSE(rule.add(0.48));
  CHECK(rule.level() == 0.4);
  CHECK(rule.widest() == 0.8);
  CHECK(collapse_rule().add(0.09));
}

TEST_CASE("A collapsed run has not learned, whatever else was measured") {
  const auto run = run_with({5, 2, 1}, {20, 40, 50}, {0.5, 0.4, 0.01});
  CHECK(has_collapsed(run));
  const auto v = verdict_of(run);
  CHECK(v.learned == answer::no);
  CHECK(v.short_answer.find("collapsed") != std::string::npos);
  CHECK(v.sentences.back() == "The spread of the projections ended at 0.020 of the healthy one, "
                              "and had been 1.000 at step 1.");
  CHECK_FALSE(has_collapsed(run_with({5, 2, 1}, {}, {0.5, 0.1, 0.4})));  // it has spread again
}

TEST_CASE("The state of a run is one sentence, with how far it got and how to go on") {
  auto run = run_with({5, 4, 3, 2});
  run.status.step = 8;
  CHECK(state_of(run) == "Finished: step 8 of 8, epoch 2 of 2.");
  run.status.step = 6;
  run.status.state = "interrupted";
  run.status.reason = "signal 15";
  run.resumptions = {4};
  CHECK(state_of(run) == "Interrupted (signal 15) at step 6 of 8, epoch 1.5 of 2; triptych train "
                         "--resume runs/one goes on. It was resumed once, after step 4.");
  run.resumptions = {};
  run.status.state = "running";
  CHECK(state_of(run).starts_with("Killed after the checkpoint at step 6"));
  run.status.held = true;
  CHECK(state_of(run).starts_with("Still training"));
  run.status.state = "failed";
  run.status.reason = "step 7: the loss is NaN; lower --lr";
  CHECK(state_of(run) == "Failed at step 6 of 8, epoch 1.5 of 2: " + run.status.reason + ".");
  run.status.state = "";
  CHECK(state_of(run).find("no status.json") != std::string::npos);

  auto single = run_with({5});
  single.status.reason = "--max-steps 1 of 8";
  CHECK(state_of(single).starts_with("A single step (--max-steps 1 of 8)."));
  CHECK(verdict_of(single).short_answer.find("a single step") != std::string::npos);
  single.status.reason = "";
  CHECK(state_of(single) == "A single step.");
}
