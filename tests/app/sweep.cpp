// Sweeps: tables of a user's own rows.
#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"
#include "support/tiny_table.hpp"

using namespace triptych::test;

namespace {

std::vector<std::string> settings_of(const nlohmann::json& table) {
  std::vector<std::string> names;
  for (const auto& line : table["lines"]) {
    if (!line["epochs"].is_null()) names.push_back(line["setting"]);
  }
  return names;
}

}  // namespace

TEST_CASE("A sweep has a row for each combination, and a cell is the run that train would make") {
  const tiny_table table("sweep", {"temperature=0.2,1", "lambda=6,2"});
  const auto result = table.make({"--seeds", "3"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.out == table.file(".md"));
  CHECK(result.out.starts_with("# Sweep: temperature, lambda\n"));
  const auto json = table.json();
  CHECK(settings_of(json) ==
        std::vector<std::string>{"temperature-0.2_lambda-6", "temperature-0.2_lambda-2",
                                 "temperature-1_lambda-6", "temperature-1_lambda-2"});
  CHECK(json["lines"][1]["title"] == "temperature 0.2, lambda 2");
  CHECK(json["reference"] == "temperature-0.2_lambda-6");

  tiny_run alone;
  REQUIRE(alone
              .train(tiny_options +
                     words{"--width", "2", "--seed", "3", "--temperature", "0.2", "--lambda", "2"})
              .code == 0);
  const auto weights = [](const fs::path& run) {
    return text_of(run / "export/encoder.safetensors");
  };
  CHECK(weights(alone.root()) == weights(table.root() / "temperature-0.2_lambda-2-seed3"));
}

TEST_CASE("A sweep goes on, takes more values, and keeps the cells that it has") {
  const tiny_table table("sweep", {"lr=0.03,0.1"});
  REQUIRE(table.make({"--seeds", "1"}).code == 0);
  const auto before = table.json()["lines"][1];
  const auto trained = fs::last_write_time(table.root() / "lr-0.1-seed1/status.json");

  auto more = table.line({"--seeds", "1"});
  more[1] = "lr=0.1,0.3";
  REQUIRE(call_app(more).code == 0);
  CHECK(settings_of(table.json()) == std::vector<std::string>{"lr-0.1", "lr-0.3"});
  CHECK(table.json()["lines"][0]["top1"] == before["top1"]);
  CHECK(fs::last_write_time(table.root() / "lr-0.1-seed1/status.json") == trained);

  // What all rows share must stay, as in any table.
  const auto other = call_app(more + words{"--momentum", "0.5"});
  INFO(other.err);
  CHECK(other.code == 6);
  CHECK(other.err.find("momentum") != std::string::npos);
}

TEST_CASE("Values with commas have semicolons between them, and methods can be varied") {
  const tiny_table lists("sweep", {"normalize=auto;0.5,0.5,0.5,0.2,0.2,0.2"});
  REQUIRE(lists.make({"--seeds", "1"}).code == 0);
  CHECK(settings_of(lists.json()) ==
        std::vector<std::string>{"normalize-auto", "normalize-0.5,0.5,0.5,0.2,0.2,0.2"});

  const tiny_table methods("sweep", {"method=moco,simclr", "temperature=0.5,1"});
  REQUIRE(methods.make({"--seeds", "1", "--points", "2"}).code == 0);
  const auto lines = methods.json()["lines"];
  CHECK(lines[0]["setting"] == "method-moco_temperature-0.5");
  CHECK(lines[0]["cost"] == 4);
  CHECK(lines[4]["cost"] == 6);
}

TEST_CASE("Sweeps of the same options merge") {
  const tiny_table one("sweep", {"lambda=6,2"}), two("sweep", {"lambda=4,2"});
  const tiny_table whole("sweep", {"lambda=6,2,4"}), other("sweep", {"lr=0.1"});
  for (const auto* table : {&one, &two, &whole, &other}) {
    REQUIRE(table->make({"--seeds", "1"}).code == 0);
  }
  const tiny_table merged("sweep");
  const auto merge = [&](const std::vector<const tiny_table*>& from) {
    words line{"merge", "--quiet", "--out", merged.out().string()};
    for (const auto* table : from) line.push_back(table->out().string());
    return call_app(line);
  };
  const auto mixed = merge({&one, &other});
  INFO(mixed.err);
  CHECK(mixed.code == 6);
  CHECK(mixed.err.find("options vary that do not there") != std::string::npos);
  REQUIRE(merge({&one, &two}).code == 0);
  CHECK(timeless(merged) == timeless(whole));
  REQUIRE(merge({&two}).code == 0);  // what was merged before stays
  CHECK(timeless(merged) == timeless(whole));
}

TEST_CASE("What a sweep cannot vary is said before anything is made") {
  struct bad {
    words vary, more;
    std::string complaint;
  };
  const std::vector<bad> cases{
      {{}, {}, "sweep needs options to vary; give e.g. triptych sweep lr=0.03,0.1"},
      {{"lr"}, {}, "vary: 'lr' from argument vary is no OPTION=VALUE,VALUE"},
      {{"lr="}, {}, "has the element '', which cannot be"},
      {{"=1"}, {}, "is no OPTION=VALUE,VALUE"},
      {{"lr=0.1,,0.2"}, {}, "has the element '', which cannot be a part of a directory's name"},
      {{"lr=../x"}, {}, "which cannot be a part of a directory's name"},
      {{"lr=0.1,0.1"}, {}, "which comes twice; values with commas have semicolons between them"},
      {{"lr=0.1", "lr=0.2"}, {}, "gives lr again"},
      {{"lrr=0.1"}, {}, "there is no option 'lrr' (did you mean lr?)"},
      {{"lr=fast"}, {}, "lr: 'fast' from sweep is not a number"},
      {{"data=cifar10"}, {}, "names data, which all rows have in common"},
      {{"limit-per-file=5"}, {}, "names limit-per-file, which all rows have in common"},
      {{"seed=1,2"}, {}, "names seed, which all rows have in common"},
      {{"init=a"}, {}, "names init, which all rows have in common"},
      {{"epochs=2,4"}, {"--budget", "60"}, "names epochs, which --budget decides"},
      {{"lr=0.1"}, {"--lr", "0.1"}, "lr (from flag --lr) is what sweep varies"},
      {{"temperature=0.1,1"},
       {"--method", "simsiam"},
       "temperature, which means nothing to any row"},
      {{"method=mncl,mocl"}, {}, "(did you mean moco?)"},
  };
  for (const auto& [vary, more, complaint] : cases) {
    const tiny_table table("sweep", vary);
    const auto result = table.make(more);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.err.find(complaint) != std::string::npos);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(table.out()));
  }
}
