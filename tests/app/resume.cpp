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

TEST_CASE("A learning rate that was changed on the way stays, and its run can be made again") {
  const tiny_run plain, run, again;
  REQUIRE(plain.train().code == 0);
  REQUIRE(run.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  // It counts from the checkpoint on, also where the process dies before the next one.
  CHECK(run.train({"--resume", "--lr", "0.05"}, {"TRIPTYCH_FAILPOINT=checkpoint.begun"}).code ==
        128 + SIGKILL);
  const auto dump = run.beside("step.safetensors");
  const words dumped{"--dump-step", dump.string(), "--dump-at", "9"};
  REQUIRE(run.train(words{"--resume", "--max-steps", "12"} + dumped).code == 0);
  CHECK(io::read_safetensors_header(dump).metadata.at("config").find("\"lr\": 0.05,") !=
        std::string::npos);
  const auto older = run.checkpoints() / "step-000008";
  fs::copy(run.root(), run.beside("kept"),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  REQUIRE(run.train({"--resume"}).code == 0);

  // The configuration that it leaves is that of a run with the same bits.
  REQUIRE(again.train({"--config", (run.root() / "config.toml").string()}).code == 0);
  CHECK(differing(outcome(run), outcome(again)) == words{"MANIFEST.json", "config.toml"});  // `out`
  CHECK(differing(outcome(run), outcome(plain)).size() > 4);

  // An older checkpoint goes on as it was, without what came after it.
  fs::remove_all(run.root());
  fs::rename(run.beside("kept"), run.root());
  CHECK(resumed_at(older).code == 0);
  CHECK(differing(outcome(run), outcome(plain)) == words{"MANIFEST.json", "config.toml"});
  CHECK(text_of(run.root() / "config.toml").find("lr-changes") == std::string::npos);
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
  const auto manifest = text_of(newest / "MANIFEST.json");
  fs::remove(newest / "MANIFEST.json");
  expect_refusal(call_app({"eval", newest.string()}), {"MANIFEST.json is missing", older.string()});
  std::ofstream(newest / "MANIFEST.json") << manifest;
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
  for (const char* name : {"nothing", "empty"}) {
    const auto path = run.beside(name).string();
    const auto judged = call_app({"eval", path});
    CHECK(judged.code == 2);
    CHECK(judged.err.find("damaged") == std::string::npos);
    CHECK(call_app({"embed", path, "--out", run.beside("x").string()}).code == 2);
  }
}

TEST_CASE("A damaged checkpoint that lies in no run is not to be had by training again") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto copy = run.beside("copy/checkpoints/step-000001");
  fs::create_directories(copy.parent_path());
  fs::copy(run.latest(), copy);
  damage(copy / "model.safetensors");
  for (const auto& path : {copy, run.beside("copy")}) {
    const auto refused = call_app({"eval", path.string()});
    INFO(refused.err);
    CHECK(refused.code == 6);
    CHECK(refused.err.find("no sound one lies beside it, take another copy of it") !=
          std::string::npos);
  }
}

TEST_CASE("A run is not removed where what comes after it could not be written") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto whole = [&] {
    auto files = everything_in(run.root());
    for (const char* name : {"lock", ".triptych"}) files.erase(name);
    return files;
  };
  const auto refuse = [&] {
    const auto before = whole();
    const auto refused = run.train(tiny_options + words{"--overwrite"});
    INFO(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find("was not written by triptych here; move it away") != std::string::npos);
    CHECK(whole() == before);
  };
  for (const char* part : {"export", "checkpoints"}) {
    fs::rename(run.root() / part / io::marker_name, run.beside("list"));  // now it is nobody's
    refuse();
    fs::rename(run.beside("list"), run.root() / part / io::marker_name);
  }
  const auto list = text_of(run.root() / io::marker_name);
  const std::string name = "environment.json\n";
  std::ofstream(run.root() / io::marker_name)
      << std::string(list).replace(list.find(name), name.size(), "");
  refuse();
  fs::remove(run.root() / "environment.json");
  CHECK(run.train(tiny_options + words{"--overwrite", "--max-steps", "1"}).code == 0);
}

TEST_CASE("A path in a checkpoint decides nothing: one that lies in no run needs --out") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto expected = outcome(run);
  const auto before = everything_in(run.root());
  fs::create_directory(run.beside("downloads"));
  const auto given = run.beside("downloads/step-000012");
  fs::copy(run.checkpoints() / "step-000012", given);
  const auto refused = resumed_at(given);
  INFO(refused.err);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("give --out") != std::string::npos);
  CHECK(everything_in(run.root()) == before);

  // In a new directory a run starts from it, and in one of somebody else none.
  const auto begun = run.beside("begun");
  const words from{"train", "--quiet", "--resume", given.string(), "--out"};
  fs::create_directory(begun);
  std::ofstream(begun / "diary.txt") << "dear";
  CHECK(call_app(from + words{begun.string()}).code == 2);
  fs::remove(begun / "diary.txt");
  const auto result = call_app(from + words{begun.string()});
  INFO(result.err);
  REQUIRE(result.code == 0);
  for (const char* file : {"checkpoints/latest/model.safetensors", "export/encoder.safetensors"}) {
    CHECK(text_of(begun / file) == text_of(run.root() / file));
  }
  CHECK(text_of(begun / "metrics.jsonl").starts_with("{\"step\":13,"));
  CHECK(everything_in(run.root()) == before);

  // The same by the run in which it lies.
  const auto other = run.beside("other");
  CHECK(call_app({"train", "--quiet", "--resume", run.root().string(), "--out", other.string()})
            .code == 0);
  CHECK(text_of(other / "checkpoints/latest/model.safetensors") ==
        text_of(run.latest() / "model.safetensors"));
  CHECK(everything_in(run.root()) == before);

  // In its own run it goes on there, and what came later is abandoned.
  CHECK(call_app(from + words{run.root().string(), "--max-steps", "14"}).code == 0);
  CHECK(run.latest().filename() == "step-000014");
  CHECK_FALSE(fs::exists(run.checkpoints() / "step-000016"));
  CHECK(run.train({"--resume"}).code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
}

TEST_CASE("A checkpoint that is not one of the run's is refused, and the run is untouched") {
  const tiny_run run, other;
  REQUIRE(run.train().code == 0);
  const auto before = everything_in(run.root());
  const auto refused = [&](const fs::path& checkpoint, const std::string& why) {
    expect_refusal(call_app({"train", "--quiet", "--resume", checkpoint.string(), "--out",
                             run.root().string()}),
                   {checkpoint.string() + " is not one of the run in " + run.root().string(), why});
    CHECK(everything_in(run.root()) == before);
  };
  REQUIRE(other.train(tiny_options + words{"--seed", "3"}).code == 0);
  refused(other.checkpoints() / "step-000012", "its seed is 3, not 0");
  REQUIRE(other.train(tiny_options + words{"--overwrite", "--max-steps", "9"}).code == 0);
  refused(other.checkpoints() / "step-000008", "keeps none of step 8");
  // Of the same configuration and step, but another.
  const auto changed = other.beside("step-000012");
  fs::copy(run.checkpoints() / "step-000012", changed);
  const auto saved = io::load_checkpoint(changed);
  std::vector<io::checkpoint_file> files{{"model", {}, {}}};
  fs::create_directory(other.beside("changed"));
  io::save_checkpoint(other.beside("changed"), saved.note, files);
  refused(other.beside("changed/step-000012"), "that of step 12 there is another");
}

TEST_CASE("A copied run goes on in the copy") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto before = everything_in(run.root());
  const auto copy = run.beside("copy");
  fs::copy(run.root(), copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  CHECK(call_app({"train", "--quiet", "--resume", (copy / "checkpoints/step-000012").string(),
                  "--max-steps", "13"})
            .code == 0);
  CHECK(fs::exists(copy / "checkpoints/step-000013"));
  CHECK_FALSE(fs::exists(copy / "checkpoints/step-000016"));
  CHECK(everything_in(run.root()) == before);
}

TEST_CASE("A run without lists is not overwritten or pruned before it was resumed") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  remove_lists(run.root());
  std::ofstream(run.root() / "checkpoints/.tmp-notes") << "mine";
  fs::create_directory(run.checkpoints() / "step-000002");
  std::ofstream(run.checkpoints() / "step-000002/MANIFEST.json") << "mine";
  const auto before = everything_in(run.root());
  const auto refused = run.train(tiny_options + words{"--overwrite"});
  CHECK(refused.code == 2);
  CHECK(refused.err.find("continue it with --resume, after which --overwrite can replace it") !=
        std::string::npos);
  CHECK(everything_in(run.root()) == before);
  // A resume that fails changes nothing either.
  CHECK(run.train({"--resume", "--width", "8"}).code == 6);
  CHECK(everything_in(run.root()) == before);

  CHECK(run.train({"--resume"}).code == 0);
  CHECK(fs::exists(run.root() / io::marker_name));
  CHECK_FALSE(fs::exists(run.checkpoints() / "step-000004"));  // now pruned
  CHECK(run.train(tiny_options + words{"--overwrite", "--max-steps", "1"}).code == 0);
  CHECK(text_of(run.root() / "checkpoints/.tmp-notes") == "mine");
  CHECK(text_of(run.checkpoints() / "step-000002/MANIFEST.json") == "mine");
  CHECK_FALSE(fs::exists(run.checkpoints() / "step-000016"));
}

TEST_CASE("A run without lists can be resumed again where its first resume was killed") {
  const tiny_run old;
  REQUIRE(old.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  remove_lists(old.root());
  for (int moment = 1; moment <= 5;
       ++moment) {  // a list is there once it was renamed into its place
    const auto copy = old.beside("copy" + std::to_string(moment)).string();
    fs::copy(old.root(), copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const words line{"train", "--quiet", "--out", copy, "--resume"};
    const auto killed = call_app(line, {"TRIPTYCH_FAILPOINT=rename#" + std::to_string(moment)});
    REQUIRE(killed.code == 128 + SIGKILL);
    const auto result = call_app(line);
    INFO(moment << ": " << result.err);
    CHECK(result.code == 0);
  }
  // An older checkpoint and another rate: what comes after it is this run's all the same.
  const auto copy = old.beside("earlier");
  fs::copy(old.root(), copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto earlier = call_app({"train", "--quiet", "--resume",
                                 (copy / "checkpoints/step-000004").string(), "--lr", "0.05"});
  INFO(earlier.err);
  CHECK(earlier.code == 0);
}

TEST_CASE("A run begun from a checkpoint goes on from there, or did not begin") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  const auto expected = [&] {
    REQUIRE(run.train({"--resume"}).code == 0);
    return text_of(run.root() / "export/encoder.safetensors");
  };
  const auto start = run.beside("start");
  fs::copy(run.latest(), start, fs::copy_options::recursive);
  for (const std::string moment : {"checkpoint.begun#1", "checkpoint.latest#1", "rename#9"}) {
    INFO(moment);
    const auto out = run.beside("from " + moment);
    const words line{"train", "--quiet", "--out", out.string()};
    CHECK(
        call_app(line + words{"--resume", start.string()}, {"TRIPTYCH_FAILPOINT=" + moment}).code ==
        128 + SIGKILL);
    if (!fs::exists(out / "config.toml")) {
      CHECK(call_app(line + words{"--resume"}).code == 2);
      fs::remove_all(out);
      CHECK(call_app(line + words{"--resume", start.string()}).code == 0);
    } else {
      CHECK(call_app(line + words{"--resume"}).code == 0);
    }
    CHECK((text_of(out / "export/encoder.safetensors") == expected()));
  }
}

TEST_CASE("A configuration file of another program is no run to resume") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto site = run.beside("site");
  fs::create_directory(site);
  fs::copy(run.root() / "config.toml", site / "config.toml");  // even one that reads as ours
  const auto before = everything_in(site);
  for (const words& how : {words{"--resume"}, words{"--resume", run.latest().string()},
                           words{"--overwrite"}, words{}}) {
    const auto refused = call_app(words{"train", "--quiet", "--out", site.string()} + how);
    INFO(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find("another --out") != std::string::npos);
    CHECK(everything_in(site) == before);
  }
}
