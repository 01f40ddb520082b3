// Runs side by side: what differs, and by how much, seed by seed.
#include <cmath>
#include <fstream>
#include <string>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;

namespace {

/// A run of two steps that is said to have been judged so.
std::string judged_run(const tiny_run& run, const std::string& name, double top1,
                       const words& more = {}) {
  const auto out = run.beside(name);
  const auto done =
      run.train(tiny_options + words{"--max-steps", "2", "--out", out.string()} + more);
  INFO(done.err);
  REQUIRE(done.code == 0);
  const auto line = [](const std::string& features, const std::string& protocol, double value) {
    return R"({"features": ")" + features + R"(", "protocol": ")" + protocol + R"(", "top1": )" +
           std::to_string(value) + R"(, "top5": 100, "note": ""})";
  };
  std::ofstream(out / "eval.json")
      << R"({"checkpoint": "step-000002", "data": "procedural", "train_images": 64, )"
      << R"("test_images": 32, "results": [)" << line("trained", "logistic", top1) << ", "
      << line("trained", "linear, best epoch", 99) << ", " << line("untrained", "logistic", 11)
      << "]}";
  return out.string();
}

nlohmann::json compared(const words& runs) {
  const auto result = call_app(words{"compare", "--json"} + runs);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return nlohmann::json::parse(result.out);
}

void refused_comparison(const words& line, int code, const std::string& part) {
  const auto result = call_app(words{"compare"} + line);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.err.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("Runs that differ in the seed alone are a group, and groups are paired by seeds") {
  const tiny_run run;
  const words other{"--lr", "0.05"};
  const auto a1 = judged_run(run, "a1", 40, {"--seed", "1"}),
             a2 = judged_run(run, "a2", 50, {"--seed", "2"}),
             a3 = judged_run(run, "a3", 60, {"--seed", "3", "--threads", "1"}),
             b1 = judged_run(run, "b1", 41, other + words{"--seed", "1"}),
             b2 = judged_run(run, "b2", 52, other + words{"--seed", "2"}),
             b3 = judged_run(run, "b3", 63, other + words{"--seed", "3"}),
             b9 = judged_run(run, "b9", 10, other + words{"--seed", "9"});
  const auto json = compared({a2, b1, a1, b9, a3, b3, b2});
  CHECK(json["options"] == nlohmann::json::parse(R"({"lr": ["0.1", "0.05"]})"));
  REQUIRE(json["groups"].size() == 2);
  const auto& a = json["groups"][0]["runs"];
  REQUIRE(a.size() == 3);
  CHECK(a[0]["run"] == a1);
  CHECK(a[0]["seed"] == 1);
  CHECK(a[0]["top1"] == nlohmann::json::parse(R"({"logistic": 40.0})"));
  CHECK(a[0]["metrics"].contains("loss_m"));
  CHECK(json["groups"][1]["runs"].size() == 4);

  // Gains of 1, 2 and 3: mean 2, deviation 1, t of two degrees of freedom 4.302653.
  const auto& gain = json["paired"][0];
  CHECK(gain["measure"] == "logistic");
  CHECK(gain["group"] == "B");
  CHECK(gain["less"] == "A");
  CHECK(gain["seeds"] == nlohmann::json::parse("[1, 2, 3]"));
  CHECK(gain["mean"].get<double>() == Approx(2));
  CHECK(gain["high"].get<double>() == Approx(2 + 4.302652729749462 / std::sqrt(3.0)));
  CHECK(gain["low"].get<double>() == Approx(2 - 4.302652729749462 / std::sqrt(3.0)));

  const auto text = call_app({"compare", a1, a2, a3, b1, b2, b3}).out;
  for (const std::string part :
       {"option  A    B\nlr      0.1  0.05\n", "logistic  50.00 +- 10.00 (3)  52.00 +- 11.00 (3)",
        "less A, seed by seed  B\nlogistic              +2.00 (-0.48 to +4.48)"}) {
    INFO(text);
    CHECK(text.find(part) != text.npos);
  }
}

TEST_CASE("One shared seed has a difference and no interval, none has neither") {
  const tiny_run run;
  const auto a = judged_run(run, "a", 40, {"--seed", "1"}),
             b = judged_run(run, "b", 45, {"--seed", "1", "--width", "8"}),
             c = judged_run(run, "c", 45, {"--seed", "2", "--width", "8"});
  const auto gain = compared({a, b, c})["paired"][0];
  CHECK(gain["mean"].get<double>() == Approx(5));
  CHECK(gain["low"].is_null());
  CHECK(compared({a, c})["paired"].empty());
  CHECK(call_app({"compare", a, c}).out.find("seed by seed") == std::string::npos);
  const auto alone = call_app({"compare", b, c});
  CHECK(alone.out.find("differ in nothing but seeds") != std::string::npos);
}

TEST_CASE("A seed that a group has twice counts twice in its mean and once in pairs") {
  const tiny_run run;
  const words other{"--lr", "0.05"};
  const auto a1 = judged_run(run, "a1", 40, {"--seed", "1"}),
             again = judged_run(run, "again", 46, {"--seed", "1"}),
             a2 = judged_run(run, "a2", 52, {"--seed", "2"}),
             b1 = judged_run(run, "b1", 41, other + words{"--seed", "1"}),
             b2 = judged_run(run, "b2", 55, other + words{"--seed", "2"});
  const auto text = call_app({"compare", a1, again, a2, b1, b2}).out;
  INFO(text);
  CHECK(text.find("46.00 +- 6.00 (3)") != text.npos);
  const auto gain = compared({a1, again, a2, b1, b2})["paired"][0];
  CHECK(gain["seeds"] == nlohmann::json::parse("[1, 2]"));
  CHECK(gain["mean"].get<double>() == Approx(2));
}

TEST_CASE("What cannot be compared is refused") {
  const tiny_run run;
  const auto a = judged_run(run, "a", 40), b = judged_run(run, "b", 41);
  refused_comparison({}, 2, "compare needs runs");
  refused_comparison({a, run.beside("nothing").string()}, 2, "there is no run in");
  refused_comparison({a, "/dev/null"}, 2, "there is no run in /dev/null");
  std::ofstream(run.beside("b") / "config.toml") << "lr 1\n";
  refused_comparison({a, b}, 6, "leave this run out");
  const auto c = judged_run(run, "c", 41);
  std::ofstream(run.beside("c") / "eval.json") << "{}";
  refused_comparison({a, c}, 6, "leave this run out");
}
