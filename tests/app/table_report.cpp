#include "triptych/commands/table_report.hpp"

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
        "setting,epochs,seeds,top1_mean,top1_std,difference_mean,difference_std,top5_mean,top5_std,"
        "minutes_mean,minutes_std,images_per_second_mean,images_per_second_std,paper_top1,"
        "paper_top5,cost\n"
        "a,4,2,46.5,7.7781745930520225,1,,90,0,2,1.4142135623730951,100,0,84.03,99.53,6\n"
        "b,4,1,40,,0,,90,,2,,100,,,,13\n"
        "raw pixels,,2,30,0,,,80,0,,,,,,,\n");
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
