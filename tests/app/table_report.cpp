#include "triptych/commands/table_report.hpp"
#include "triptych/commands/table_chart.hpp"

#include <string>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using namespace triptych::app;

namespace {

cell_result result(double top1, double minutes) {
  return {.last = {top1, 90}, .minutes = minutes, .images_per_second = 100};
}

/// Two rows and a baseline by two seeds; the second row lacks one.
table_report example() {
  return {.name = "table9",
          .caption = "Table 9: an example",
          .data = "cifar10",
          .train_images = 100,
          .test_images = 50,
          .judged_by = "logistic",
          .seeds = {1, 2},
          .options = {{"width", "8"}},
          .reference = "b",
          .version = "triptych",
          .lines = {{.name = "a",
                     .title = "A",
                     .point = 0,
                     .epochs = 4,
                     .cost = 6,
                     .judged_by = "logistic",
                     .paper = triptych::eval::accuracy{84.03, 99.53},
                     .cells = {result(41, 1), result(52, 3)}},
                    {.name = "b",
                     .title = "B",
                     .point = 0,
                     .epochs = 4,
                     .cost = 13,
                     .judged_by = "logistic",
                     .cells = {result(40, 2), std::nullopt}},
                    {.name = "raw pixels",
                     .title = "raw pixels, kNN",
                     .judged_by = "kNN",
                     .cells = {cell_result{.last = {30, 80}}, cell_result{.last = {30, 80}}}}}};
}

}  // namespace

TEST_CASE("A table in Markdown shows means, deviations and paired differences") {
  CHECK(
      markdown(example()) ==
      "# Table 9: an example\n\n"
      "- data: cifar10, 100 training and 50 test images\n"
      "- options: --width 8\n"
      "- judged by: logistic\n"
      "- seeds: 1, 2; mean ± standard deviation (n - 1)\n"
      "- difference: to B, paired by seed\n"
      "- written by: triptych\n\n"
      "| setting | epochs | seeds | top-1 % | difference | top-5 % | minutes | images/s | paper % "
      "| cost |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n"
      "| A | 4 | 2 | 46.50 ± 7.78 | +1.00 | 90.00 ± 0.00 | 2.0 | 100 | 84.03 / 99.53 | 6 |\n"
      "| B | 4 | 1 | 40.00 | reference | 90.00 | 2.0 | 100 | - | 13 |\n"
      "| raw pixels, kNN | - | 2 | 30.00 ± 0.00 | - | 80.00 ± 0.00 | - | - | - | - |\n");
}

TEST_CASE("A table in CSV has a line for each row, and nothing where nothing is known") {
  CHECK(csv(example()) ==
        "setting,epochs,seeds,top1_mean,top1_std,difference_mean,difference_std,difference_half_"
        "width_95,top5_mean,top5_std,"
        "minutes_mean,minutes_std,images_per_second_mean,images_per_second_std,paper_top1,"
        "paper_top5,cost\n"
        "a,4,2,46.5,7.7781745930520225,1,,,90,0,2,1.4142135623730951,100,0,84.03,99.53,6\n"
        "b,4,1,40,,0,,,90,,2,,100,,,,13\n"
        "raw pixels,,2,30,0,,,,80,0,,,,,,,\n");
}

TEST_CASE("A table in JSON keeps every seed's number") {
  const auto read = nlohmann::json::parse(json(example()));
  CHECK(read["reference"] == "b");
  CHECK(read["options"]["width"] == "8");
  const auto& a = read["lines"][0];
  CHECK(a["top1"]["by_seed"] == nlohmann::json{41, 52});
  CHECK(a["top1"]["mean"] == 46.5);
  CHECK(a["difference"]["by_seed"] == nlohmann::json{1, nullptr});
  CHECK(a["paper"]["top5"] == 99.53);
  CHECK(a["cost"] == 13 - 7);
  CHECK(read["lines"][1]["paper"].is_null());
  CHECK(read["lines"][2]["epochs"].is_null());
}

TEST_CASE("A row is compared at its own point, and only with what was judged as it was") {
  auto t = example();
  auto later = t.lines[1];
  later.point = 1;
  t.lines.insert(t.lines.begin() + 2, later);
  CHECK(report::reference_of(t, t.lines[0]) == &t.lines[1]);
  t.lines[0].point = 1;
  CHECK(report::reference_of(t, t.lines[0]) == &t.lines[2]);
  CHECK(report::reference_of(t, t.lines[3]) == nullptr);
  t.lines[3].judged_by = "logistic";
  CHECK(report::reference_of(t, t.lines[3]) == &t.lines[2]);
}

TEST_CASE("The interval of a difference pools the deviations of the rows at its point") {
  auto t = example();
  const auto row = [&](const char* name, double first, double second) {
    report_line line = t.lines[0];
    line.name = name;
    line.cells = {result(first, 1), result(second, 1)};
    return line;
  };
  t.lines = {row("a", 41, 43), row("b", 40, 41), row("c", 38, 38.5)};
  // Differences 1 and 2 of a, -2 and -2.5 of c: deviations of 0.7071 and 0.3536, pooled 0.5590 of two
  // degrees of freedom, whose t is 4.3027 (scipy.stats.t.ppf(0.975, 2)); / sqrt(2).
  const auto& c = report::columns[1];
  CHECK(report::half_width(t, t.lines[0], c).value() == Approx(1.70077).epsilon(1e-5));
  CHECK(report::half_width(t, t.lines[2], c).value() == Approx(1.70077).epsilon(1e-5));
  CHECK_FALSE(report::half_width(t, t.lines[1], c).has_value());
  CHECK_FALSE(report::half_width(t, t.lines[0], report::columns[0]).has_value());
  CHECK(markdown(t).find("| +1.50 ± 0.71 (-0.20 to +3.20) |") != std::string::npos);
  CHECK(markdown(t).find("paired by seed; in brackets its 95 % interval") != std::string::npos);
  t.lines[2].point = 1;  // elsewhere: a alone has one degree of freedom, t = 12.706
  CHECK(report::half_width(t, t.lines[0], c).value() == Approx(6.3531).epsilon(1e-4));
}

TEST_CASE("The figure of a table shows its means over what they cost") {
  auto t = example();
  auto later = t.lines[1];
  later.point = 1;
  later.epochs = 8;
  later.cells = {result(44, 1), result(46, 1)};
  t.lines.insert(t.lines.begin() + 2, later);
  t.lines.back().judged_by = "logistic";
  const auto chart = chart_of(t);
  REQUIRE(chart.curves.size() == 2);
  CHECK((chart.curves[0].points == std::vector<point>{{24, 46.5}}));
  CHECK((chart.curves[1].points == std::vector<point>{{52, 40}, {104, 45}}));
  REQUIRE(chart.levels.size() == 1);
  CHECK(chart.levels[0].y == 30);
  const auto svg = svg_file_of(chart);
  for (const char* told :
       {"<svg xmlns=\"http://www.w3.org/2000/svg\"", "data-points=\"52,40 104,45\"",
        "prefers-color-scheme: dark", ">raw pixels, kNN 30<"}) {
    INFO(told);
    CHECK(svg.find(told) != std::string::npos);
  }
}
