// Where a run computes: the decision for machines that are made up, and the app's for this one.
#include "triptych/devices/device.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "support/tiny_run.hpp"
#include "triptych/options/command_line.hpp"

using namespace triptych;
using namespace triptych::app;
using namespace triptych::test;

namespace {

backend::cuda_device device(int index, int major, int minor, const std::string& name = "Card") {
  return {index, name, major, minor, std::size_t{80} << 30, std::size_t{79} << 30, 132};
}

/// A machine with these devices, and a build with the architectures that are usual.
backend::cuda_state machine(std::vector<backend::cuda_device> devices) {
  backend::cuda_state here{.driver = 13000, .runtime = 13000, .cublas = 130002, .cudnn = 91900};
  here.devices = std::move(devices);
  here.architectures = "80 90a 100 120";
  return here;
}

backend::cuda_state without_driver() {
  backend::cuda_state here{.runtime = 13000, .cublas = 130002};
  here.problem = "there is no NVIDIA driver";
  here.architectures = "80 90a 100 120";
  return here;
}

train_options asking(const std::vector<std::pair<std::string, std::string>>& flags) {
  command_request request{"train", {}};
  for (const auto& [name, text] : flags) request.values.push_back({name, text, "flag --" + name});
  return std::get<train_options>(options_of(request));
}

}  // namespace

TEST_CASE("auto takes the first CUDA device that works, else the CPU with the reason") {
  const auto automatic = asking({});
  CHECK_FALSE(place(automatic, {}).cuda);
  CHECK(place(automatic, {}).line == "cpu, backend eigen");

  const auto one = place(automatic, machine({device(0, 9, 0, "NVIDIA H200")}));
  CHECK(one.cuda == 0);
  CHECK(one.line == "cuda:0, NVIDIA H200, products in tf32");
  CHECK(place(asking({{"precision", "bf16"}}), machine({device(0, 8, 0)})).line ==
        "cuda:0, Card, products in bf16");
  CHECK(place(automatic, machine({device(0, 7, 5), device(1, 8, 6)})).cuda == 1);

  const auto none = place(automatic, without_driver());
  CHECK_FALSE(none.cuda);
  CHECK(none.line == "cpu, backend eigen; CUDA cannot be used: there is no NVIDIA driver");
  const auto old = place(automatic, machine({device(0, 7, 5, "Tesla T4")}));
  CHECK_FALSE(old.cuda);
  CHECK(old.line == "cpu, backend eigen; CUDA cannot be used: cuda:0, Tesla T4, has compute "
                    "capability 7.5 and this build is for 80 90a 100 120");
}

TEST_CASE("What is for the CPU alone stays there whatever the machine has") {
  const auto here = machine({device(0, 9, 0)});
  CHECK(place(asking({{"device", "cpu"}}), here).line == "cpu, backend eigen");
  const auto reference = place(asking({{"backend", "reference"}, {"dtype", "f64"}}), here);
  CHECK_FALSE(reference.cuda);
  CHECK(reference.line == "cpu, backend reference");
}

TEST_CASE("A device that was asked for is taken or refused, never replaced") {
  const auto here =
      machine({device(0, 9, 0, "One"), device(1, 7, 5, "Old"), device(2, 9, 0, "Two")});
  CHECK(place(asking({{"device", "cuda"}}), here).cuda == 0);
  CHECK(place(asking({{"device", "cuda:2"}}), here).cuda == 2);

  const auto refused = [](const std::string& device, const std::optional<backend::cuda_state>& at) {
    const auto thrown = thrown_by([&] { place(asking({{"device", device}}), at); });
    CHECK(thrown.kind == error_kind::usage);
    return thrown.sentence;
  };
  CHECK(refused("cuda", {}) ==
        "device: cuda (from flag --device) is not in this build, which computes on the CPU; give "
        "--device cpu, or build with -DTRIPTYCH_WITH_CUDA=ON");
  CHECK(refused("cuda:1", without_driver()) ==
        "device: cuda:1 (from flag --device) cannot be used: there is no NVIDIA driver; give "
        "--device cpu, or see triptych doctor");
  CHECK(refused("cuda:1", here) ==
        "device: cuda:1 (from flag --device) cannot be used: cuda:1, Old, has compute capability "
        "7.5 and this build is for 80 90a 100 120; give --device cpu, or build with "
        "-DCMAKE_CUDA_ARCHITECTURES=75");
  CHECK(refused("cuda:3", machine({device(0, 9, 0, "One")})) ==
        "device: cuda:3 (from flag --device) cannot be used: the devices here are cuda:0, One; "
        "give --device cuda:0");
}

TEST_CASE("cuDNN that was asked for and is not there is refused on CUDA alone") {
  auto here = machine({device(0, 9, 0)});
  CHECK(place(asking({{"conv-engine", "cudnn"}}), here).cuda == 0);
  here.cudnn = 0;
  CHECK(place(asking({{"conv-engine", "gemm"}}), here).cuda == 0);
  const auto thrown = thrown_by([&] { place(asking({{"conv-engine", "cudnn"}}), here); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("conv-engine: cudnn (from flag --conv-engine) is not in this build"));
  CHECK(thrown.says("; give --conv-engine gemm"));
  CHECK_FALSE(place(asking({{"conv-engine", "cudnn"}, {"device", "cpu"}}), here).cuda);
}

TEST_CASE("A build covers the devices that CMake's words stand for") {
  struct one {
    std::string architectures;
    int major, minor;
    bool runs;
  };
  const std::vector<one> cases{{"80", 8, 0, true},
                               {"80", 8, 9, true},
                               {"80", 12, 0, true},
                               {"80", 7, 5, false},
                               {"90a", 9, 0, true},
                               {"90a", 10, 0, false},
                               {"90a", 8, 0, false},
                               {"80-real", 8, 6, true},
                               {"80-real", 9, 0, false},
                               {"86-real", 8, 0, false},
                               {"80-virtual", 9, 0, true},
                               {"100f", 10, 3, true},
                               {"100f", 12, 0, false},
                               {"90a-real", 9, 0, true},
                               {"75 90a-real 120", 8, 0, true},
                               {"90a-real 120", 10, 0, false},
                               {"all", 9, 0, true},
                               {"all-major", 9, 0, true},
                               {"native", 9, 0, true},
                               {"", 6, 1, true}};
  for (const auto& [architectures, major, minor, runs] : cases) {
    INFO(architectures << " on " << major << "." << minor);
    CHECK(covered(architectures, device(0, major, minor)) == runs);
  }
}

TEST_CASE("An option that means nothing where the run computes is said to") {
  const auto cpu_alone = asking({{"convolution", "direct"}});
  const auto cuda_alone = asking(
      {{"precision", "bf16"}, {"conv-engine", "gemm"}, {"resident", "off"}, {"graph", "off"}});
  const placement cpu{{}, "cpu"}, cuda{0, "cuda:0"};
  CHECK(without_effect_there(cpu_alone, cpu).empty());
  CHECK(without_effect_there(cuda_alone, cuda).empty());
  CHECK(without_effect_there(cpu_alone, cuda) ==
        words{"convolution (from flag --convolution) means nothing on CUDA"});
  CHECK(without_effect_there(cuda_alone, cpu) ==
        words{"precision (from flag --precision) means nothing on the CPU",
              "conv-engine (from flag --conv-engine) means nothing on the CPU",
              "resident (from flag --resident) means nothing on the CPU",
              "graph (from flag --graph) means nothing on the CPU"});
  auto reference = cpu_alone;
  reference.backend = choice::backend::reference;
  CHECK(without_effect_there(reference, cpu) ==
        words{"convolution (from flag --convolution) means nothing on the backend reference"});
  // What a printed configuration repeats needs no warning.
  CHECK(
      without_effect_there(asking({{"precision", "tf32"}, {"conv-engine", "auto"}}), cpu).empty());
}

// ------------------------------------------------------------------------------------------------
// the app

TEST_CASE(
    "A device that no machine has ends train and reproduce with code 2, and nothing is made") {
  const tiny_run box;
  for (const words& more : {words{}, words{"--dry-run"}}) {
    const auto result = box.train(tiny_options + words{"--device", "cuda:1000"} + more);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.err.starts_with("triptych: device: cuda:1000 (from flag --device) "));
    CHECK(result.err.find("; give --device c") != std::string::npos);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(box.root()));
  }
  const auto table = call_app(
      words{"reproduce", "table2"} +
      last_wins(tiny_options + words{"--out", box.root().string(), "--device", "cuda:1000"}));
  INFO(table.err);
  CHECK(table.code == 2);
  CHECK(table.err.starts_with("triptych: device: cuda:1000 (from flag --device) "));
  CHECK_FALSE(fs::exists(box.root()));
}

TEST_CASE("A run says where it computes, also when it goes on, and so does its environment") {
  const tiny_run box;
  const auto dry = box.train(tiny_options + words{"--dry-run"});
  CHECK(dry.out.starts_with("device   cpu, backend eigen\n"));
  REQUIRE(box.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  CHECK(text_of(box.root() / "train.log").find("device   cpu, backend eigen\n") !=
        std::string::npos);
  REQUIRE(box.train({"--resume"}).code == 0);
  CHECK(text_of(box.root() / "train.log").find("after step 4 on cpu, backend eigen\n") !=
        std::string::npos);
  const auto environment = nlohmann::json::parse(text_of(box.root() / "environment.json"));
  CHECK(environment["device"] == "cpu, backend eigen");
}

TEST_CASE("auto trains in any build, and doctor foretells where") {
  const tiny_run box;
  const auto result = box.train(tiny_options + words{"--device", "auto", "--dry-run"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto line = result.out.substr(9, result.out.find('\n') - 9);
  CHECK(nlohmann::json::parse(call_app({"doctor", "--json"}).out)["auto"]["line"] == line);
}

TEST_CASE("A run that was trained on a GPU goes on and is judged on the CPU") {
  const tiny_run whole, moved;
  REQUIRE(whole.train().code == 0);
  const auto expected = outcome(whole);
  REQUIRE(moved.train(tiny_options + words{"--max-steps", "8"}).code == 0);

  // What such a run leaves differs in one line of the configuration, in the run and its checkpoint.
  const auto elsewhere = [](std::string config) {
    const std::string here = "device = \"cpu\"", there = "device = \"cuda:1000\"";
    const auto at = config.find(here);
    REQUIRE(at != std::string::npos);
    return config.replace(at, here.size(), there);
  };
  const auto config = text_of(moved.root() / "config.toml");
  std::ofstream(moved.root() / "config.toml") << elsewhere(config);
  {
    auto saved = io::load_checkpoint(moved.latest());
    std::vector<io::checkpoint_file> files;
    for (const auto& [name, file] : saved.files) {
      files.push_back({name, {}, {}});
      for (const auto& t : file.header().tensors) {
        files.back().tensors.push_back({t.name, t.type, t.shape, file.bytes(t.name)});
      }
    }
    saved.note.config = elsewhere(saved.note.config);
    io::save_checkpoint(moved.checkpoints(), saved.note, files);
  }
  const auto before = outcome(moved);
  const words resume{"train", "--quiet", "--resume", moved.root().string()};
  const auto silent = call_app(resume);
  INFO(silent.err);
  CHECK(silent.code == 2);
  CHECK(silent.err.starts_with("triptych: device: cuda:1000 (of the run to go on with) "));
  CHECK(silent.err.find("; give --device c") != std::string::npos);
  CHECK(differing(before, outcome(moved)) == words{});

  const auto judged = call_app({"eval", moved.root().string(), "--quiet", "--protocol", "knn",
                                "--baselines", "pixels", "--json"});
  INFO(judged.err);
  CHECK(judged.code == 0);

  REQUIRE(call_app(resume + words{"--device", "cpu"}).code == 0);
  CHECK(differing(expected, outcome(moved)) ==
        words{"MANIFEST.json", "config.toml"});  // both name their directory
}

TEST_CASE("A resumed run keeps its precision, and may convolve by another engine") {
  const tiny_run box;
  REQUIRE(box.train(tiny_options + words{"--max-steps", "4"}).code == 0);
  const auto refused = box.train({"--resume", "--precision", "bf16"});
  CHECK(refused.code == 6);
  CHECK(refused.err.find("precision is tf32, not bf16 (from flag --precision)") !=
        std::string::npos);
  const auto moved = box.train({"--resume", "--conv-engine", "gemm"});
  CHECK(moved.code == 0);
  CHECK(moved.err.find("warning: conv-engine (from flag --conv-engine) means nothing on the CPU") !=
        std::string::npos);
}
