// Every method from its options to what it leaves: columns, dumps, collapse, and options that mean
// nothing to it.
#include <string>

#include <triptych/method/all.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

TEST_CASE("Every method trains, resumes to the same bits and names its loss terms") {
  const std::string method(GENERATE(from_range(triptych::method::all::names)));
  INFO(method);
  const tiny_run run;
  const words options = tiny_options + words{"--method", method};
  const auto whole = run.train(options);
  INFO(whole.err);
  REQUIRE(whole.code == 0);
  const auto expected = outcome(run);
  std::string terms = "loss";
  triptych::method::all::find(method, [&]<class Options>() {
    auto about = Options::about;
    if constexpr (requires(Options o) { o.described(); }) about = Options().described();
    for (const auto term : about.terms) {
      if (!term.empty()) terms += ",loss_" + std::string(term);
    }
  });
  terms += ",lr";
  CHECK(first_line(text_of(run.root() / "metrics.csv")).find("wall_s," + terms) !=
        std::string::npos);

  REQUIRE(run.train(options + words{"--overwrite", "--max-steps", "5"}).code == 0);
  REQUIRE(run.train(words{"--resume"}).code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
}

TEST_CASE("SimSiam and BYOL without what keeps them from collapse collapse, and the log says so") {
  const std::string method = GENERATE("simsiam", "byol");
  INFO(method);
  const tiny_run run;
  const words options = tiny_options + words{"--method", method, "--epochs",    "60",
                                             "--lr",     "0.1",  "--log-every", "20"};
  const auto log = [&](const words& more) {
    const auto result = run.train(options + more + words{"--overwrite"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return text_of(run.root() / "train.log");
  };
  CHECK(log({"--predictor-hidden", "0", "--momentum-m", "0"}).find("are collapsing") !=
        std::string::npos);
  CHECK(log({}).find("are collapsing") == std::string::npos);
}

TEST_CASE("An option that means nothing to the method is named in a warning") {
  const tiny_run run;
  const auto result =
      run.train(tiny_options + words{"--method", "byol", "--temperature", "0.5", "--dry-run"});
  CHECK(result.code == 0);
  CHECK(result.err.find("temperature (from flag --temperature) means nothing to the method byol") !=
        std::string::npos);
}

TEST_CASE("An option of another optimizer is named in a warning, and its own are taken") {
  const tiny_run run;
  const words adamw = tiny_options + words{"--optimizer", "adamw", "--beta2", "0.95"};
  const auto result = run.train(adamw + words{"--momentum", "0.8", "--dry-run"});
  CHECK(result.code == 0);
  CHECK(result.err.find("momentum (from flag --momentum) means nothing to the optimizer adamw") !=
        std::string::npos);
  CHECK(result.err.find("beta2") == std::string::npos);

  REQUIRE(run.train(adamw).code == 0);
  const auto expected = outcome(run);
  REQUIRE(run.train(adamw + words{"--overwrite", "--max-steps", "5"}).code == 0);
  REQUIRE(run.train(words{"--resume"}).code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
  REQUIRE(run.train(adamw + words{"--overwrite", "--beta2", "1"}).code == 2);
}

TEST_CASE("More neighbors than the queue has rows are refused, and the advice works") {
  const tiny_run run;
  const words msf = tiny_options + words{"--method", "msf", "--neighbors", "42"};
  const auto refused = run.train(msf);
  INFO(refused.err);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("lower --neighbors or raise --queue") != std::string::npos);
  CHECK_FALSE(fs::exists(run.root()));
  CHECK(run.train(last_wins(msf + words{"--neighbors", "41"})).code == 0);
  CHECK(run.train(last_wins(msf + words{"--queue", "41", "--overwrite"})).code == 0);
}

TEST_CASE("A queue that SwAV does not ask for is not there, and one that is too small is refused") {
  const tiny_run run;
  const words swav = tiny_options + words{"--method", "swav", "--prototypes", "20"};
  REQUIRE(run.train(last_wins(swav + words{"--queue", "0"})).code == 0);
  for (const auto& entry : fs::recursive_directory_iterator(run.root())) {
    CHECK(entry.path().filename() != "queue.safetensors");
  }
  const auto refused = run.train(last_wins(swav + words{"--queue", "31", "--overwrite"}));
  INFO(refused.err);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("give --queue 32 or more") != std::string::npos);
}

TEST_CASE("Prototypes are among what takes less where memory is short") {
  const tiny_run run;
  const words swav = tiny_options + words{"--method", "swav"};
  const auto refused =
      run.train(last_wins(swav + words{"--head", "16,1048576", "--prototypes", "16777216"}));
  INFO(refused.err);
  CHECK(refused.code == 7);
  CHECK(refused.err.find("choose a smaller --prototypes") != std::string::npos);
  CHECK(run.train(swav + words{"--prototypes", "20", "--max-steps", "1"}).code == 0);
}

TEST_CASE("A misspelled method is refused with the nearest name") {
  const tiny_run run;
  const auto result = run.train(tiny_options + words{"--method", "simclear"});
  CHECK(result.code == 2);
  CHECK(result.err.find("simclr") != std::string::npos);
}

TEST_CASE("The tuned recipe is a method's own, and what is given overrides it") {
  const auto printed = [](const words& more) {
    return call_app(words{"train", "--method", "moco", "--recipe", "tuned", "--print-config"} +
                    more)
        .out;
  };
  const auto has = [](const std::string& text, const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
  };
  CHECK(has(printed({}), "head = \"512,128\""));
  CHECK(has(printed({}), "bn-splits = 8"));
  CHECK(has(printed({}), "temperature = 0.1"));
  CHECK(printed({"--temperature", "0.3"}).find("\ntemperature = 0.3 ") != std::string::npos);
}
