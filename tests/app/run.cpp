// A training run from its options to what it leaves.
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/cpu/convolution/bf16_block.hpp>
#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

/// The outcome of the tiny run with further options.
std::map<std::string, std::string> outcome_with(const tiny_run& run, const words& more) {
  const auto result = run.train(tiny_options + more + words{"--overwrite"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  return outcome(run);
}

using shapes = std::map<std::string, io::tensor_shape>;

void add_batch_norm(shapes& all, const std::string& name, std::int64_t channels, bool weights,
                    bool statistics) {
  for (const char* part : {"weight", "bias"}) {
    if (weights) all[name + "." + part] = {channels};
  }
  for (const char* part : {"running_mean", "running_var"}) {
    if (statistics) all[name + "." + part] = {channels};
  }
}

/// torchvision's names for a ResNet of one block a stage with the CIFAR stem, and the projector's.
shapes trunk(const std::string& network, bool weights, bool statistics) {
  constexpr std::int64_t width = 4;
  shapes all;
  const auto convolution = [&](const std::string& name, std::int64_t out, std::int64_t in,
                               std::int64_t kernel) {
    if (weights) all[name + ".weight"] = {out, in, kernel, kernel};
  };
  const std::string encoder = network + ".encoder.";
  convolution(encoder + "conv1", width, 3, 3);
  add_batch_norm(all, encoder + "bn1", width, weights, statistics);
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t out = width << (stage - 1), in = stage == 1 ? width : out / 2;
    const std::string block = encoder + "layer" + std::to_string(stage) + ".0.";
    convolution(block + "conv1", out, in, 3);
    convolution(block + "conv2", out, out, 3);
    add_batch_norm(all, block + "bn1", out, weights, statistics);
    add_batch_norm(all, block + "bn2", out, weights, statistics);
    if (stage == 1) continue;
    convolution(block + "downsample.0", out, in, 1);
    add_batch_norm(all, block + "downsample.1", out, weights, statistics);
  }
  const std::string projector = network + ".projector.";
  for (const auto& [index, in] : {std::pair("0", 8 * width), std::pair("3", std::int64_t{16})}) {
    if (weights) all[projector + index + ".weight"] = {16, in};
    if (weights) all[projector + index + ".bias"] = {16};
  }
  add_batch_norm(all, projector + "1", 16, weights, statistics);
  add_batch_norm(all, projector + "4", 16, weights, statistics);
  return all;
}

shapes online(bool weights, bool statistics) {
  shapes all = trunk("online", weights, statistics);
  add_batch_norm(all, "online.predictor.1", 8, weights, statistics);
  if (!weights) return all;
  all["online.predictor.0.weight"] = {8, 16};
  all["online.predictor.0.bias"] = {8};
  all["online.predictor.3.weight"] = {16, 8};
  all["online.predictor.3.bias"] = {16};
  return all;
}

/// Everything that a dumped step of the tiny run must hold.
shapes dumped(bool released) {
  constexpr std::int64_t n = 16, features = 16;
  shapes all;
  const auto add = [&](const std::string& top, const shapes& tensors) {
    for (const auto& [name, shape] : tensors) all[top + name] = shape;
  };
  for (const char* when : {"before/", "after/"}) {
    add(when, online(true, true));
    add(when, trunk("momentum", true, true));
    if (!released) add(when, trunk("stop_gradient", false, true));
    add(std::string(when) + "momentum_buffer.", online(true, false));
  }
  add("grad/", online(true, false));
  for (const char* view : {"1", "2", "3"}) {
    all[std::string("view/") + view] = {n, 3, 16, 16};
    all[std::string("p/") + view] = {n, features};
  }
  for (const char* view : {"1", "2"}) {
    all[std::string("z/") + view] = {n, features};
    all[std::string("nn/") + view] = {n};
  }
  for (const char* view : {"1", "3"}) all[std::string("c/") + view] = {6 * n, features};
  for (const char* loss : {"loss/m", "loss/s", "loss/total"}) all[loss] = {};
  for (const char* when : {"queue/before", "queue/after"}) all[when] = {40, features};
  return all;
}

}  // namespace

TEST_CASE("The same seed leaves the same bytes on any number of threads") {
  const tiny_run run;
  for (const words& more : {words{}, words{"--variant", "released"}}) {
    const auto one = outcome_with(run, more + words{"--knn-every", "2", "--threads", "1"});
    for (const char* threads : {"2", "3", "8"}) {
      INFO(threads << " threads");
      const auto other = outcome_with(run, more + words{"--knn-every", "2", "--threads", threads});
      CHECK(differing(one, other) == words{});
    }
  }
  CHECK(differing(outcome_with(run, {}), outcome_with(run, {"--seed", "1"})).size() > 4);
}

TEST_CASE("Every convolution leaves the same bytes on any number of threads and after a stop") {
  for (const std::string_view name : triptych::convolution::any::names) {
    INFO(name);
    const tiny_run run;
    const words chosen{"--convolution",
                       std::string(name)};  // the last stage has bf16's 32 channels
    if (name == "bf16" && !triptych::convolution::bf16_products<>::available()) {
      const auto refused = run.train(tiny_options + chosen);
      CHECK(refused.code == 2);
      CHECK(refused.err.find("need a processor with AMX") != std::string::npos);
      CHECK_FALSE(fs::exists(run.root()));
      continue;
    }
    const auto one = outcome_with(run, chosen + words{"--threads", "1"});
    CHECK(differing(one, outcome_with(run, chosen + words{"--threads", "3"})) == words{});
    const auto middle = (run.checkpoints() / "step-000012").string();
    const auto resumed = call_app({"train", "--quiet", "--resume", middle});
    INFO(resumed.err);
    CHECK(resumed.code == 0);
    CHECK(differing(one, outcome(run)) == words{});
    if (name == "bf16") {  // and they are not another one's
      CHECK(differing(one, outcome_with(run, {"--convolution", "fast"})).size() > 4);
    }
  }
}

TEST_CASE("The reference backend leaves the same bytes on any number of threads") {
  const tiny_run run;
  const words reference{"--backend", "reference", "--width", "2", "--max-steps", "4"};
  const auto one = outcome_with(run, reference + words{"--threads", "1"});
  CHECK(differing(one, outcome_with(run, reference + words{"--threads", "3"})) == words{});
}

TEST_CASE("An existing run is refused, and nothing in it changes, until --overwrite") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto before = outcome(run);
  const auto again = run.train();
  CHECK(again.code == 2);
  CHECK(again.err.find(run.root().string() + " is not empty") != std::string::npos);
  CHECK(again.err.find("--resume") != std::string::npos);
  CHECK(again.err.find("--overwrite") != std::string::npos);
  // What is wrong otherwise is found before anything is replaced.
  CHECK(run.train(tiny_options + words{"--overwrite", "--warmup-epochs", "200"}).code == 2);
  CHECK(run.train({"--overwrite", "--data", "cifar10", "--data-dir", "/nowhere"}).code == 5);
  CHECK(run.train(tiny_options + words{"--overwrite", "--procedural-train", "9"}).code == 2);
  CHECK(differing(before, outcome(run)) == words{});
  CHECK(run.train(tiny_options + words{"--overwrite", "--seed", "7"}).code == 0);
  CHECK(differing(before, outcome(run)) != words{});
}

TEST_CASE("A run that is refused leaves nothing behind") {
  const tiny_run run;
  for (const words& wrong :
       {words{"--image-size", "17"}, words{"--dtype", "f64"}, words{"--epochs", "0"},
        words{"--queue", "8"}, words{"--procedural-train", "15"}}) {
    const auto result = run.train(tiny_options + wrong);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(result.err.find(wrong[0] == "--procedural-train" ? "batch" : wrong[0].substr(2)) !=
          std::string::npos);
    CHECK_FALSE(fs::exists(run.root()));
  }
  CHECK(run.train({"--resume"}).code == 2);
  CHECK_FALSE(fs::exists(run.root()));
}

TEST_CASE("A dry run tells sizes and writes nothing") {
  const tiny_run run;
  const auto result = run.train(tiny_options + words{"--dry-run"});
  CHECK(result.code == 0);
  for (const char* told : {"64 training and 32 test images", "16, 4 an epoch", "activations"}) {
    CHECK(result.out.find(told) != std::string::npos);
  }
  CHECK_FALSE(fs::exists(run.root()));
}

TEST_CASE("A run can be stopped after some steps and goes on to the same end") {
  const tiny_run whole, parts;
  REQUIRE(whole.train().code == 0);
  for (const char* steps : {"1", "6", "6", "11"}) {
    REQUIRE(call_app(parts.resuming() + words{"--max-steps", steps}).code == 0);
    CHECK(parts.status()["step"] == std::stoi(steps));
    CHECK(parts.status()["state"] == "done");
    CHECK(parts.status()["reason"] == "--max-steps " + std::string(steps) + " of 16");
  }
  CHECK(call_app({"inspect", parts.root().string()})
            .out.find(", done at step 11 (--max-steps 11 of 16)\n") != std::string::npos);
  REQUIRE(parts.train({"--resume", "--threads", "3"}).code == 0);
  CHECK(parts.status()["state"] == "done");
  CHECK(parts.status()["reason"] == "");
  CHECK(differing(outcome(whole), outcome(parts)) ==
        words{"MANIFEST.json", "config.toml"});  // both name their directory

  // The time of training goes on with the steps.
  std::istringstream lines(text_of(parts.root() / "metrics.jsonl"));
  double before = 0;
  for (std::string line; std::getline(lines, line);) {
    const double wall = nlohmann::json::parse(line)["wall_s"];
    CHECK(wall > before);
    before = wall;
  }
}

TEST_CASE("The printed configuration gives the same run") {
  const tiny_run run;
  const auto printed =
      run.train(tiny_options + words{"--variant", "released", "--lr", "0.03", "--print-config"});
  REQUIRE(printed.code == 0);
  CHECK_FALSE(fs::exists(run.root()));
  const auto direct = outcome_with(run, {"--variant", "released", "--lr", "0.03"});
  std::ofstream(run.beside("run.toml")) << printed.out;
  REQUIRE(call_app({"train", "--config", run.beside("run.toml").string(), "--overwrite"}).code ==
          0);
  CHECK(differing(direct, outcome(run)) == words{});
  fs::copy_file(run.root() / "config.toml", run.beside("again.toml"));
  REQUIRE(call_app({"train", "--config", run.beside("again.toml").string(), "--overwrite"}).code ==
          0);
  CHECK(differing(direct, outcome(run)) == words{});
}

TEST_CASE("An unknown key of a configuration file is refused with its place and the nearest name") {
  const tiny_run run;
  std::ofstream(run.beside("run.toml")) << "seed = 1\nwidht = 8\n";
  const auto result = run.train({"--config", run.beside("run.toml").string()});
  CHECK(result.code == 2);
  CHECK(result.err.find("run.toml:2") != std::string::npos);
  CHECK(result.err.find("(did you mean width?)") != std::string::npos);
  CHECK_FALSE(fs::exists(run.root()));
}

TEST_CASE("A dumped step holds every tensor under its name, in PyTorch's shape") {
  const tiny_run run;
  const std::string file = run.beside("step.safetensors").string();
  for (const std::string variant : {"paper", "released"}) {
    for (const words& backend :
         {words{"--dump-at", "2"}, words{"--backend", "reference", "--dtype", "f64"}}) {
      const auto result = run.train(
          tiny_options + backend +
          words{"--variant", variant, "--max-steps", "2", "--overwrite", "--dump-step", file});
      INFO(result.err);
      REQUIRE(result.code == 0);
      const bool wide = backend.size() > 2;
      const auto dump = io::safetensors_file::open(file);
      shapes found;
      for (const auto& tensor : dump.header().tensors) {
        found[tensor.name] = tensor.shape;
        const auto numbers = wide ? io::dtype::f64 : io::dtype::f32;
        CHECK(tensor.type == (tensor.name.starts_with("nn/") ? io::dtype::i64 : numbers));
      }
      CHECK(found == dumped(variant == "released"));

      const auto config = nlohmann::json::parse(dump.metadata().at("config"));
      CHECK(config["variant"] == variant);
      CHECK(config["temperature"] == 1);
      CHECK(config["lambda"] == 6);
      CHECK(config["step"] == (wide ? 0 : 1));
      if (!wide) continue;
      const double total = dump.values<double>("loss/total").front();
      const double parts =
          dump.values<double>("loss/s").front() + 6 * dump.values<double>("loss/m").front();
      CHECK(total == Approx(parts).epsilon(1e-14));
    }
  }
}
