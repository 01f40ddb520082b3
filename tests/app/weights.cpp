// Encoders from files: what they were exported to, and what other programs wrote.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/pictures.hpp"
#include "support/tiny_run.hpp"
#include "train/foreign_encoder.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

const words tiny_images{"--data", "procedural", "--quiet"};

std::vector<float> features_in(const fs::path& file) {
  return io::safetensors_file::open(file).values<float>("features");
}

/// An encoder of the tiny model's sizes with a head, as MoCo would write it.
fs::path foreign_encoder(const fs::path& path,
                         const nn::resnet_options& sizes = {.width = 4, .blocks = {1, 1, 1, 1}}) {
  auto tensors = resnet_tensors(sizes);
  for (auto& t : tensors) t.name = "module.encoder_q." + t.name;
  tensors.push_back({"module.queue", {2, 3}, std::vector<float>(6, 1.0f)});
  in_a_file(path, tensors);
  return path;
}

void refused(const words& line, int code, const std::string& part) {
  const auto result = call_app(line);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.err.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("An exported encoder is judged like the run that it is of") {
  const tiny_run run;
  const fs::path pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  write_pictures(pictures / "test", 99, 4);
  REQUIRE(run.train(folder_model(pictures) + words{"--max-steps", "2"}).code == 0);
  const auto file = run.root() / "export" / "encoder.safetensors";
  const auto of_run = run.beside("a"), of_file = run.beside("b");
  const words images{"--data", "folder", "--data-dir", pictures.string(), "--quiet"};
  REQUIRE(call_app(words{"embed", run.root().string(), "--out", of_run.string(), "--quiet"}).code ==
          0);
  const auto embedded = call_app(words{"embed", file.string(), "--out", of_file.string()} + images);
  INFO(embedded.err);
  REQUIRE(embedded.code == 0);
  CHECK(features_in(of_run) == features_in(of_file));

  const words judge{"--protocol", "knn,logistic", "--json"};
  const auto a = call_app(words{"eval", run.root().string(), "--quiet"} + judge);
  const auto out = run.beside("judged");
  const auto b = call_app(words{"eval", file.string(), "--out", out.string()} + judge + images);
  INFO(b.err);
  REQUIRE(b.code == 0);
  const auto first = nlohmann::json::parse(a.out), second = nlohmann::json::parse(b.out);
  for (const char* i : {"0", "1"}) {
    const auto at = static_cast<std::size_t>(*i - '0');
    CHECK(first["results"][at] == second["results"][at]);
  }
  CHECK(second["checkpoint"] == file.string());
  CHECK(text_of(out / "eval.json") == b.out);
}

TEST_CASE("A model card lies beside the exported encoder, and the file says what it is for") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "3"}).code == 0);
  const auto card = text_of(run.root() / "export" / "encoder.md");
  const auto metadata =
      io::safetensors_file::open(run.root() / "export" / "encoder.safetensors").metadata();
  CHECK(metadata.at("triptych.image_size") == "16");
  CHECK(metadata.at("triptych.method") == "mncl");
  CHECK(metadata.at("triptych.step") == "3");
  for (const std::string part :
       {"# An encoder trained by mncl on procedural", "| steps | 3 of 16 |", "16 x 16 pixels",
        "mean 0.5, 0.5, 0.5, deviation 0.25, 0.25, 0.25", "model._make_layer(resnet.BasicBlock, 32",
        "The terms of the images (procedural)"}) {
    INFO(part);
    CHECK(card.find(part) != card.npos);
  }
  CHECK(card.find(metadata.at("triptych.license")) != card.npos);
}

TEST_CASE("A file of weights is judged on images that the command names") {
  const tiny_run run;
  const auto file = foreign_encoder(run.beside("moco.safetensors"));
  const words judge{"eval", file.string(), "--protocol",
                    "knn",  "--out",       run.beside("out").string()};
  refused(judge, 2, "give some, e.g. --data cifar10");
  const fs::path pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  write_pictures(pictures / "test", 99, 4);
  const words images{"--data", "folder", "--data-dir", pictures.string(), "--image-size", "16"};
  refused(judge + images, 2, "give --normalize imagenet");
  refused(judge + images + words{"--normalize", "0.5,0.5"}, 2, "6 numbers");
  refused(judge + images + words{"--normalize", "1,1,1,0,1,1"}, 2,
          "has a deviation outside 0 to 1");
  refused(judge + words{"--data", "folder", "--normalize", "data"}, 2, "give e.g. --image-size");
  const auto result = call_app(judge + images + words{"--normalize", "imagenet"});
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.err.find("left out of " + file.string() + ": queue (1 tensor)") !=
        std::string::npos);
  CHECK(result.err.find("which a file cannot show") != std::string::npos);
  const auto embedded = [&](const std::string& normalize) {
    const auto out = run.beside("features");
    const auto done = call_app(
        words{"embed", file.string(), "--out", out.string(), "--normalize", normalize, "--quiet"} +
        images);
    INFO(done.err);
    REQUIRE(done.code == 0);
    return features_in(out);
  };
  const auto imagenet = embedded("imagenet");
  CHECK(embedded("0.485,0.456,0.406,0.229,0.224,0.225") == imagenet);
  CHECK(embedded("data") != imagenet);
}

TEST_CASE("Training starts from the encoder of a file, whose sizes it takes") {
  const tiny_run run;
  const auto file = foreign_encoder(run.beside("moco.safetensors"));
  auto options = tiny_options;
  for (const char* word : {"--width", "4", "--blocks", "1,1,1,1"}) {
    options.erase(std::find(options.begin(), options.end(), word));
  }
  const words line = options + words{"--init", file.string(), "--normalize", "data"};
  const auto begun = run.train(line + words{"--max-steps", "1"});
  INFO(begun.err);
  REQUIRE(begun.code == 0);
  const auto config = text_of(run.root() / "config.toml");
  CHECK(config.find("width = 4") != config.npos);
  const auto before = io::load_checkpoint(run.checkpoints() / "step-000000");
  for (const auto& t : resnet_tensors({.width = 4, .blocks = {1, 1, 1, 1}})) {
    INFO(t.name);
    const auto& model = before.file("model");
    for (const char* network : {"online", "momentum"}) {
      CHECK(model.values<float>(std::string(network) + ".encoder." + t.name) == t.values);
    }
  }
  // It goes on without the file, and says where it began.
  REQUIRE(run.train(line + words{"--overwrite"}).code == 0);
  const auto straight = outcome(run);
  fs::remove_all(run.root());
  REQUIRE(run.train(line + words{"--max-steps", "5"}).code == 0);
  fs::remove(file);
  REQUIRE(run.train(run.resuming() + words{"--max-steps", "0"}).code == 0);
  CHECK(differing(straight, outcome(run)).empty());
  const auto manifest = text_of(run.latest() / "MANIFEST.json");
  CHECK(manifest.find("moco.safetensors (") != manifest.npos);
}

TEST_CASE("An encoder that does not fit what is asked for is refused before anything is made") {
  const tiny_run run;
  const auto file = foreign_encoder(run.beside("moco.safetensors"));
  const auto train = run.line(tiny_options + words{"--init", file.string()});
  refused(run.line(tiny_options + words{"--init", file.string(), "--width", "8"}), 2,
          "leave --width out, or --init");
  refused(train, 2, "give --normalize imagenet");
  refused(run.line(tiny_options + words{"--init", run.beside("no.safetensors").string()}), 74,
          "no.safetensors");
  std::ofstream(run.beside("a.pth")) << "PK\x03\x04 and more of a zip";
  refused(run.line(tiny_options + words{"--init", run.beside("a.pth").string()}), 6,
          "convert_pth.py");
  refused(words{"eval", run.beside("a.pth").string(), "--data", "procedural"}, 6, "convert_pth.py");
  CHECK_FALSE(fs::exists(run.root()));
}

TEST_CASE("A file of weights may be longer than those that triptych writes") {
  const tiny_run run;
  auto tensors = resnet_tensors({.width = 1, .blocks = {1, 1, 1, 1}});
  constexpr std::int64_t many = 17 << 20;
  tensors.push_back({"queue", {many}, std::vector<float>(many, 1.0f)});
  const auto file = run.beside("long.safetensors");
  in_a_file(file, tensors);
  const auto result = call_app(words{"embed", file.string(), "--normalize", "data", "--out",
                                     run.beside("features").string()} +
                               tiny_images);
  INFO(result.err);
  CHECK(result.code == 0);
}
