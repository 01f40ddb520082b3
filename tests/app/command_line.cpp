#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/run_app.hpp"

using triptych::test::call_app;

TEST_CASE("Every help has an example and keeps within 80 columns") {
  for (const auto* command : {"", "train", "eval", "embed", "export", "inspect", "runs", "compare",
                              "merge", "report", "data", "reproduce", "sweep", "doctor"}) {
    std::vector<std::string> arguments{"--help"};
    if (*command != '\0') arguments.insert(arguments.begin(), command);
    const auto help = call_app(arguments);
    INFO(command);
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.find("Example:\n  triptych ") != std::string::npos);
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= 80);
    }
  }
}

TEST_CASE("The version names the commit, the compiler and Eigen") {
  const auto version = call_app({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.find("triptych 0.") == 0);
  CHECK(version.out.find("Eigen 3.") != std::string::npos);
}

TEST_CASE("A wrong command line ends with code 2 and one sentence that names what is wrong") {
  struct bad {
    std::vector<std::string> arguments;
    std::string complaint;
  };
  const std::vector<bad> cases{
      {{}, "no command was given"},
      {{"trian"}, "there is no command 'trian' (did you mean train?)"},
      {{"--lr", "0.1"}, "there is no command '--lr'"},
      {{"train", "--lrr", "0.1"}, "there is no option 'lrr' (did you mean lr?)"},
      {{"train", "--lrr=0.1"}, "there is no option 'lrr' (did you mean lr?)"},
      {{"train", "extra"}, "train does not know what to do with 'extra'"},
      {{"train", "-x"}, "train does not know what to do with '-x'"},
      {{"train", "--lr"}, "lr: flag --lr needs a value"},
      {{"train", "--lr="}, "lr: '' from flag --lr is empty"},
      {{"train", "--lr", ""}, "lr: '' from flag --lr is empty"},
      {{"train", "--lr", "nan"}, "lr: 'nan' from flag --lr is not a finite number"},
      {{"train", "--lr", "-1"}, "lr: '-1' from flag --lr is not above 0"},
      {{"train", "--lr", "--quiet"}, "lr: '--quiet' from flag --lr is not a number"},
      {{"train", "--lr", "0.1", "--lr", "0.1"}, "lr: flag --lr was given 2 values"},
      {{"train", "--quiet", "--quiet"}, "quiet: flag --quiet was given 2 values"},
      {{"train", "--quiet=3"}, "quiet: '3' from flag --quiet"},
      {{"train", "--blocks", "2,2", "--print-config"}, "does not have 4 elements"},
      {{"train", "--dtype", "f64", "--print-config"}, "is not offered by the backend eigen"},
      {{"train", "--resume", "--overwrite"}, "exclude each other"},
      {{"doctor", "all"}, "doctor does not know what to do with 'all'"},
      {{"eval"}, "eval needs a run"},
      {{"eval", "runs/a", "runs/b"}, "eval does not know what to do with 'runs/b'"},
      {{"eval", "runs/a", "--lambda", "3"}, "there is no option 'lambda'"},
      {{"data", "shwo"}, "(did you mean show?)"},
      {{"data", "verify", "cifar"}, "(did you mean cifar10?)"},
      {{"export"}, "export needs a run"},
      {{"export", "runs/a", "--format", "onxx"}, "(did you mean onnx?)"},
      {{"inspect", "/nowhere"}, "there is no '/nowhere'"},
      {{"runs", "/nowhere"}, "there is no directory '/nowhere'"},
      {{"compare"}, "compare needs runs"},
      {{"merge"}, "merge needs tables"},
      {{"compare", "/nowhere", "/nothing"}, "there is no run in /nowhere"},
      {{"compare", ""}, "is empty"},
      {{"report"}, "report needs a run"},
      {{"report", "runs/a", "--map", "9999"}, "map: '9999' from flag --map is above 5000"},
      {{"report", "runs/a", "--otu", "x"}, "there is no option 'otu' (did you mean out?)"},
      {{"reproduce"}, "reproduce needs a table"},
      {{"reproduce", "tabel1"}, "(did you mean table1?)"},
      {{"reproduce", "table1", "--methods", "mncl,byl"}, "(did you mean byol?)"},
      {{"reproduce", "table2", "--methods", "byol"}, "are what table1 compares"},
      {{"reproduce", "table2", "--lambda", "3"},
       "lambda (from flag --lambda) is what table2 varies"},
      {{"reproduce", "table1", "--seed", "3"}, "there is no option 'seed' (did you mean seeds?)"},
      {{"reproduce", "table1", "--seeds", "3,1,3"}, "seeds: 3 (from flag --seeds) comes twice"},
      {{"reproduce", "table1", "--evaluator", "knnn"}, "(did you mean knn?)"},
      {{"reproduce", "table3", "--epochs", "3"}, "epochs: 3 (from flag --epochs) have no 4 parts"},
      {{"reproduce", "table4", "--grid", "1"}, "is more than the 1 patches of the grid 1"},
  };
  for (const auto& [arguments, complaint] : cases) {
    const auto result = call_app(arguments);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.find("triptych: ") == 0);
    CHECK(result.err.find(complaint) != std::string::npos);
    CHECK(result.err.find('\n') == result.err.size() - 1);
  }
  CHECK(call_app({"train"}, {"TRIPTYCH_LR=1e999"}).code == 2);
  CHECK(call_app({"train"}, {"TRIPTYCH_LRR=1"}).code == 2);
}

TEST_CASE("A sentence about a long word is short") {
  const std::string x(5000, 'x');
  for (const std::vector<std::string>& line : {std::vector<std::string>{x},
                                               {"train", x},
                                               {"train", "--" + x},
                                               {"train", "--" + x + "="},
                                               {"train", "--lr", x},
                                               {"train", "--data", x},
                                               {"train", "--blocks", "1," + x},
                                               {"sweep", "lr=" + x},
                                               {"sweep", x + "=1"}}) {
    const auto result = call_app(line);
    CHECK(result.code == 2);
    CHECK(result.err.size() < 1000);
  }
}

TEST_CASE("The printed configuration can be given back and names the sources") {
  const temporary_directory directory;
  const auto first = call_app({"train", "--variant", "released", "--lr=0.06", "--print-config"},
                              {"TRIPTYCH_BATCH=64"});
  CHECK(first.code == 0);
  CHECK(first.out.find("lr = 0.06  # from flag --lr\n") != std::string::npos);
  CHECK(first.out.find("batch = 64  # from environment TRIPTYCH_BATCH\n") != std::string::npos);
  CHECK(first.out.find("enqueue = \"z2\"\n") != std::string::npos);

  const auto file = directory.write("run.toml", first.out).string();
  const auto second = call_app({"train", "--config", file, "--print-config"});
  CHECK(second.code == 0);
  const auto values_of = [](const std::string& text) {
    std::string values;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      values += line.substr(0, line.find('#')) + "\n";
    for (auto at = values.find("  \n"); at != values.npos; at = values.find("  \n")) {
      values.erase(at, 2);
    }
    return values;
  };
  CHECK(values_of(second.out) == values_of(first.out));
}

TEST_CASE("Data sets are listed, verified and shown") {
  const temporary_directory directory;
  CHECK(call_app({"data", "list"}).out.find("procedural") != std::string::npos);

  const std::vector<std::string> few{"--procedural-train", "20", "--procedural-test", "10"};
  std::vector<std::string> verify{"data", "verify", "procedural"};
  verify.insert(verify.end(), few.begin(), few.end());
  const auto verified = call_app(verify);
  CHECK(verified.code == 0);
  CHECK(verified.out.find("2 to 2") != std::string::npos);

  const auto sheet = (directory.path() / "sheet.ppm").string();
  std::vector<std::string> show{"data",    "show", "procedural", "--out", sheet,
                                "--count", "2",    "--views",    "3"};
  show.insert(show.end(), few.begin(), few.end());
  CHECK(call_app(show).code == 0);
  CHECK(triptych::test::text_of(sheet).find("P6\n404 204\n255\n") == 0);

  const auto missing =
      call_app({"data", "verify", "cifar10", "--data-dir", directory.path().string()});
  CHECK(missing.code == 5);
  CHECK(missing.err.find(directory.path().string()) != std::string::npos);
  const auto full = call_app({"data", "show", "procedural", "--out", "/nowhere/sheet.ppm"});
  CHECK(full.code == 74);
}
