// What --resume takes, and what it refuses with the run untouched.
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

app_result resumed_at(const fs::path& path) {
  return call_app({"train", "--quiet", "--resume", path.string()});
}

/// Changes one byte in the middle of a file.
void damage(const fs::path& path) {
  auto bytes = text_of(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Code 6, and `named` in the last sentence.
void expect_refusal(const app_result& result, const words& named) {
  INFO(result.err);
  CHECK(result.code == 6);
  REQUIRE(result.err.ends_with('\n'));
  const auto sentence = result.err.substr(result.err.rfind('\n', result.err.size() - 2) + 1);
  CHECK(sentence.starts_with("triptych: "));
  for (const auto& name : named) CHECK(sentence.find(name) != std::string::npos);
}

}  // namespace

TEST_CASE("A run, a checkpoint of it, or its newest one can be resumed, also after a move") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto expected = outcome(run);
  const auto older = run.checkpoints() / "step-000012";
  for (const auto& path : {run.root(), older, run.checkpoints() / "latest", run.latest()}) {
    const auto result = resumed_at(path);
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(differing(expected, outcome(run)) == words{});
  }

  fs::rename(run.root(), run.beside("moved"));
  for (const auto& path : {run.beside("moved"), run.beside("moved/checkpoints/step-000012")}) {
    const auto result = resumed_at(path);
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK_FALSE(fs::exists(run.root()));
  }
  fs::rename(run.beside("moved"), run.root());
  CHECK(differing(expected, outcome(run)) == words{"MANIFEST.json", "config.toml"});  // their `out`
}

TEST_CASE("Another configuration is refused with its differences, and the run is untouched") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "6"}).code == 0);
  const auto before = outcome(run);
  const std::vector<std::pair<words, std::string>> changes{
      {{"--width", "8"}, "width is 4, not 8 (from flag --width)"},
      {{"--stem", "imagenet"}, "stem is cifar, not imagenet"},
      {{"--head", "16,8"}, "head is 16,16, not 16,8"},
      {{"--queue", "48"}, "queue is 40, not 48"},
      {{"--variant", "released"}, "variant is paper, not released"},
      {{"--enqueue", "z2"}, "enqueue is z1, not z2"},
      {{"--seed", "1"}, "seed is 0, not 1"},
      {{"--epochs", "5"}, "epochs is 4, not 5"},
      {{"--convolution", "implicit_gemm"}, "convolution is fast, not implicit_gemm"},
      {{"--backend", "reference", "--dtype", "f64"}, "dtype is f32, not f64"}};
  for (const auto& [change, difference] : changes) {
    expect_refusal(run.train(words{"--resume"} + change), {difference});
    CHECK(differing(before, outcome(run)) == words{});
  }
}

TEST_CASE("A checkpoint of another architecture is refused with its tensors, whichever the two") {
  const std::vector<words> architectures{{},
                                         {"--width", "8"},
                                         {"--stem", "imagenet"},
                                         {"--head", "16,8"},
                                         {"--queue", "48"},
                                         {"--variant", "released"},
                                         {"--backend", "reference", "--dtype", "f64"}};
  const std::vector<tiny_run> runs(architectures.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    REQUIRE(runs[i].train(tiny_options + architectures[i] + words{"--max-steps", "1"}).code == 0);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t j = 0; j < runs.size(); ++j) {
      if (i == j) continue;
      const tiny_run& host = runs[i];
      const auto before = outcome(host);
      const auto own = host.latest(), kept = host.beside("kept");
      fs::rename(own, kept);
      // The tensors of j with the configuration of i.
      const auto foreign = io::load_checkpoint(runs[j].latest());
      const auto note = io::load_checkpoint(kept).note;
      std::vector<io::checkpoint_file> files;
      for (const auto& [name, file] : foreign.files) {
        files.push_back({name, {}, {}});
        for (const auto& t : file.header().tensors) {
          files.back().tensors.push_back({t.name, t.type, t.shape, file.bytes(t.name)});
        }
      }
      io::save_checkpoint(host.checkpoints(), note, files);
      INFO(i << " with the tensors of " << j);
      expect_refusal(host.train({"--resume"}), {"is of another architecture: "});
      // And the checkpoint of j as it is.
      fs::remove_all(own);
      fs::copy(runs[j].latest(), own);
      expect_refusal(host.train({"--resume"}), {"was trained otherwise: "});
      fs::remove_all(own);
      fs::rename(kept, own);
      CHECK(differing(before, outcome(host)) == words{});
    }
  }
}

TEST_CASE("A damaged checkpoint is refused with its file and a sound one, which can be resumed") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto expected = outcome(run);
  const auto newest = run.latest(), kept = run.beside("kept");
  fs::copy(newest, kept);
  const auto older = run.checkpoints() / "step-000012";
  const auto out = run.beside("features.safetensors").string();

  const auto expect_everywhere = [&](const words& named) {
    expect_refusal(run.train({"--resume"}), named);
    expect_refusal(resumed_at(newest), named);
    expect_refusal(call_app({"eval", run.root().string()}), named);
    expect_refusal(call_app({"embed", run.root().string(), "--out", out}), named);
    CHECK_FALSE(fs::exists(out));
    CHECK(resumed_at(older).code == 0);
    CHECK(differing(expected, outcome(run)) == words{});
  };
  for (const std::string name : {"model", "optimiser", "queue"}) {
    const auto file = name + ".safetensors";
    damage(newest / file);
    expect_everywhere({file, "checksum", older.string()});
    fs::resize_file(newest / file, fs::file_size(newest / file) - 1);
    expect_everywhere({file, "bytes long", older.string()});
    fs::remove(newest / file);
    expect_everywhere({file, "is missing", older.string()});
  }
  damage(newest / "MANIFEST.json");
  expect_everywhere({"MANIFEST.json", older.string()});

  // With the older one gone as well there is only starting anew.
  damage(newest / "model.safetensors");
  damage(older / "model.safetensors");
  expect_refusal(run.train({"--resume"}), {"model.safetensors", "--overwrite"});
}

TEST_CASE("What is no checkpoint is refused by train, eval and embed") {
  const tiny_run run;
  fs::create_directory(run.beside("empty"));
  for (const auto& path : {run.beside("nothing"), run.beside("empty")}) {
    expect_refusal(resumed_at(path), {path.string()});
  }
  const auto nothing = run.beside("nothing").string();
  CHECK(call_app({"eval", nothing}).code == 2);
  CHECK(call_app({"embed", nothing, "--out", run.beside("x").string()}).code == 2);
}
