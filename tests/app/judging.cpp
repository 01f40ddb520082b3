// Fine-tuning, features that are kept, and several data sets, through the app.
#include <csignal>
#include <cstdint>
#include <regex>
#include <span>
#include <string>
#include <vector>

#include <sys/file.h>

#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/pictures.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

words tuning(const tiny_run& run, const words& more = {}) {
  return words{"eval",     run.root().string(), "--quiet", "--protocol",
               "finetune", "--baselines",       "none",    "--finetune-epochs",
               "4",        "--finetune-batch",  "16"} +
         more;
}

nlohmann::json results(const fs::path& directory) {
  return nlohmann::json::parse(text_of(directory / "eval.json"))["results"];
}

}  // namespace

TEST_CASE("Fine-tuning is judged by all labels and by shares of them") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto result = call_app(tuning(run, {"--label-fraction", "0.5"}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto found = results(run.root());
  REQUIRE(found.size() == 2);
  for (const auto& r : found) {
    CHECK(r["features"] == "trained");
    CHECK(r["protocol"] == "finetune");
    CHECK(r["top1_low"] <= r["top1"]);
  }
  CHECK(found[0]["note"].get<std::string>().find("epoch ") == 0);
  CHECK(found[1]["label_fraction"] == 0.5);
  CHECK(fs::exists(run.root() / "eval/confusion-trained-finetune-0.5.csv"));
  const auto before = text_of(run.root() / "eval.json");
  CHECK(call_app(tuning(run, {"--label-fraction", "0.5", "--threads", "1"})).code == 0);
  CHECK(text_of(run.root() / "eval.json") == before);
}

TEST_CASE("Fine-tuning that was killed goes on to the same numbers") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  REQUIRE(call_app(tuning(run)).code == 0);
  const auto expected = text_of(run.root() / "eval.json");
  const auto weights = [&] {
    return text_of(run.root() / "eval/finetune/latest/classifier.safetensors");
  };
  const auto done = weights();
  for (const char* point : {"files", "renamed", "pruned"}) {
    for (const char* passage : {"1", "2"}) {
      INFO(point << " " << passage);
      fs::remove(run.root() / "eval.json");
      CHECK(call_app(tuning(run),
                     {"TRIPTYCH_FAILPOINT=checkpoint." + std::string(point) + "#" + passage})
                .code == 128 + SIGKILL);
      CHECK(call_app(tuning(run, {"--resume"})).code == 0);
      CHECK(text_of(run.root() / "eval.json") == expected);
      CHECK((weights() == done));
    }
  }
  const auto other = call_app(tuning(run, {"--resume", "--head-lr", "0.3"}));
  CHECK(other.code == 6);
  CHECK(text_of(run.root() / "eval.json") == expected);  // refused before anything was measured
  CHECK(fs::exists(run.root() / "eval/confusion-trained-finetune.csv"));
  CHECK(other.err.find("rates 0.02 and 0.3") != std::string::npos);
}

TEST_CASE("Fine-tuning with rates that are too high is refused with what to lower") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto result = call_app(tuning(run, {"--backbone-lr", "1e30", "--head-lr", "1e30"}));
  CHECK(result.code == 3);
  CHECK(result.err.find("lower the learning rate") != std::string::npos);
}

TEST_CASE("Features are kept, used again where they are of the same, and made anew where not") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const words judge{"eval", run.root().string(), "--quiet", "--json", "--protocol",
                    "knn",  "--baselines",       "none"};
  const auto first = call_app(judge);
  REQUIRE(first.code == 0);
  const auto file = run.root() / "eval/features/trained-test.safetensors";
  const auto kept = text_of(file);
  const auto written = fs::last_write_time(file);
  CHECK(call_app(judge).out == first.out);
  CHECK(fs::last_write_time(file) == written);
  // Damage that leaves a sound file is noticed by its checksum.
  auto damaged = kept;
  damaged[damaged.size() - 1] ^= 0x40;
  io::replace_file(file, damaged);
  CHECK(call_app(judge).out == first.out);
  CHECK((text_of(file) == kept));
  // So are numbers of another size, whatever the checksum: they are never taken.
  {
    const auto sound = io::safetensors_file::open(file);
    auto metadata = sound.metadata();
    const std::vector<float> few(32, 1.0f);
    const auto labels = sound.values<std::int32_t>("labels");
    io::hasher sum;
    sum.add(std::as_bytes(std::span(few)));
    sum.add(std::as_bytes(std::span(labels)));
    metadata["xxh64"] = io::hex_text(sum.result().xxh64);
    io::save_safetensors(file,
                         {io::tensor_of<float>("features", {32, 1}, few),
                          io::tensor_of<std::int32_t>("labels", {32}, labels)},
                         metadata);
  }
  CHECK(call_app(judge).out == first.out);
  // Other constants make other features.
  CHECK(call_app(judge + words{"--normalize", "imagenet"}).code == 0);
  CHECK((text_of(file) != kept));
  CHECK(call_app(judge).out == first.out);
  CHECK((text_of(file) == kept));
  fs::remove_all(run.root() / "eval");
  CHECK(call_app(judge + words{"--keep-features", "off"}).out == first.out);
  CHECK_FALSE(fs::exists(run.root() / "eval/features"));
}

TEST_CASE("One evaluation at a time works in a directory") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const words judge{"eval", run.root().string(), "--quiet", "--protocol",
                    "knn",  "--baselines",       "none"};
  fs::create_directories(run.root() / "eval");
  {
    const io::held_directory held(run.root() / "eval");
    REQUIRE(io::lock_directory(held, LOCK_EX));
    const auto refused = call_app(judge);
    CHECK(refused.code == 4);
    CHECK(refused.err.find("give another --out") != std::string::npos);
    CHECK(call_app(judge + words{"--out", run.beside("other").string()}).code == 0);
  }
  CHECK(call_app(judge).code == 0);
}

TEST_CASE("An encoder is judged on several data sets in one table") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  write_pictures(run.beside("pictures/train"));
  write_pictures(run.beside("pictures/test"), 99, 4);
  const words judge{"eval",
                    run.root().string(),
                    "--quiet",
                    "--protocol",
                    "knn",
                    "--baselines",
                    "none",
                    "--data-dir",
                    run.beside("pictures").string(),
                    "--data"};
  const auto both = call_app(judge + words{"procedural,folder"});
  INFO(both.err);
  REQUIRE(both.code == 0);
  CHECK(std::regex_search(both.out, std::regex("\nprocedural +trained +kNN")));
  CHECK(std::regex_search(both.out, std::regex("\nfolder +trained +kNN")));
  CHECK(results(run.root() / "transfer/procedural").size() == 1);
  const auto alone = call_app(judge + words{"folder"});
  REQUIRE(alone.code == 0);
  CHECK(results(run.root() / "transfer/folder") == results(run.root()));
  // A set that is not there does not keep the others.
  const auto some = call_app(judge + words{"cifar10,folder"});
  CHECK(some.code == 5);
  CHECK(std::regex_search(some.out, std::regex("\nfolder +trained +kNN")));
  CHECK(some.err.find("cifar10") != std::string::npos);
  CHECK(call_app(judge + words{"folder,folder"}).code == 2);
  REQUIRE(run.train(tiny_options + words{"--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(run.root() / "transfer"));
}
