// Encoders for other programs: what is written of a run and of a file, and what is refused.
#include <fstream>
#include <string>

#include <triptych/io/run_directory.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/protobuf_reader.hpp"
#include "support/tiny_run.hpp"
#include "train/foreign_encoder.hpp"
#include "train/onnx_graph.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

std::map<std::string, std::string> onnx_metadata(const std::string& onnx) {
  std::map<std::string, std::string> all;
  for (const auto& f : fields_of(onnx, 14)) {
    all[std::string(field_of(f.text, 1).text)] = field_of(f.text, 2).text;
  }
  return all;
}

void refused_export(const words& line, int code, const std::string& part) {
  const auto result = call_app(words{"export"} + line);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.err.find(part) != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

/// That of somebody who is not triptych, of width 2.
fs::path foreign_file(const tiny_run& run) {
  const auto path = run.beside("foreign.safetensors");
  in_a_file(path, resnet_tensors({.width = 2, .blocks = {1, 1, 1, 1}}));
  return path;
}

}  // namespace

TEST_CASE("A run's encoder is exported as ONNX, with what training exported") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "3"}).code == 0);
  const auto root = run.root().string();
  const auto done = call_app({"export", root});
  INFO(done.err);
  REQUIRE(done.code == 0);
  const auto path = run.root() / "export" / "encoder.onnx";
  CHECK(done.out == "wrote " + path.string() +
                        ", ONNX of operator set 17, images (N, 3, 16, 16) to 32 features\n");
  const std::string file = text_of(path);
  const onnx_graph graph(file);
  const auto trained = io::safetensors_file::open(run.root() / "export" / "encoder.safetensors");
  for (const auto& t : trained.header().tensors) {
    if (t.type != io::dtype::f32) continue;  // num_batches_tracked
    INFO(t.name);
    const auto values = trained.values<float>(t.name);
    CHECK(graph.tensors().at(t.name).values == std::vector<double>(values.begin(), values.end()));
  }
  auto expected = trained.metadata();
  expected.erase("format");
  CHECK(onnx_metadata(file) ==
        std::map<std::string, std::string>(expected.begin(), expected.end()));

  // Again, and of a checkpoint, and elsewhere.
  CHECK(call_app({"export", root}).code == 0);
  CHECK(text_of(path) == file);
  const auto elsewhere = run.beside("copy.onnx");
  CHECK(call_app({"export", run.latest().string(), "--out", elsewhere.string()}).code == 0);
  CHECK(text_of(elsewhere) == file);
  // A run that is overwritten takes the file with it.
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1", "--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("An exported safetensors file is that of training") {
  const tiny_run run;
  for (const char* method : {"mncl", "simclr"}) {
    INFO(method);
    REQUIRE(run.train(tiny_options + words{"--max-steps", "2", "--method", method, "--overwrite"})
                .code == 0);
    const auto out = run.beside(method);
    REQUIRE(
        call_app({"export", run.root().string(), "--format", "safetensors", "--out", out.string()})
            .code == 0);
    CHECK(text_of(out) == text_of(run.root() / "export" / "encoder.safetensors"));
  }
}

TEST_CASE("What training exported is replaced only when asked for, and by nobody beside training") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto root = run.root().string();
  const auto ours = run.root() / "export" / "encoder.safetensors";
  const auto before = text_of(ours);
  const words line{root, "--format", "safetensors", "--normalize", "imagenet"};
  refused_export(line, 2, "give --overwrite to replace it, or another --out");
  CHECK(text_of(ours) == before);
  {
    const io::run_lock held(run.root());
    const auto list = text_of(run.root() / "export" / ".triptych");
    for (const auto& one : {words{root}, line + words{"--overwrite"}}) {
      refused_export(one, 4, "is in use by process");
    }
    CHECK(text_of(run.root() / "export" / ".triptych") == list);
    CHECK_FALSE(fs::exists(run.root() / "export" / "encoder.onnx"));
    CHECK(text_of(ours) == before);
    CHECK(call_app({"export", root, "--out", run.beside("x.onnx").string()}).code == 0);
    refused_export({root, "--out", run.beside("x.onnx").string()}, 2, "give --overwrite");
  }
  REQUIRE(call_app(words{"export"} + line + words{"--overwrite"}).code == 0);
  CHECK(io::safetensors_file::open(ours).metadata().at("triptych.mean") == "0.485, 0.456, 0.406");
}

TEST_CASE("A file of weights is exported once it is known what normalizes its images") {
  const tiny_run run;
  const auto file = foreign_file(run), out = run.beside("foreign.onnx");
  const words line{file.string(), "--out", out.string()};
  refused_export(line, 2, "give --normalize imagenet or three means");
  CHECK_FALSE(fs::exists(out));
  const auto done = call_app(words{"export"} + line + words{"--normalize", "imagenet"});
  INFO(done.err);
  REQUIRE(done.code == 0);
  CHECK(done.out.find("images (N, 3, any size) to 16 features") != std::string::npos);
  CHECK(done.err.find("which a file cannot show") != std::string::npos);
  const auto metadata = onnx_metadata(text_of(out));
  CHECK(metadata.at("triptych.mean") == "0.485, 0.456, 0.406");
  CHECK(metadata.at("triptych.arch") == "resnet basic blocks 1,1,1,1 width 2");
  CHECK_FALSE(metadata.contains("triptych.data"));
  CHECK_FALSE(metadata.contains("triptych.image_size"));
  CHECK_FALSE(metadata.contains("triptych.license"));

  const auto sized = call_app(words{"export"} + line +
                              words{"--overwrite", "--image-size", "24", "--normalize",
                                    "0.5,0.5,0.5,0.25,0.25,0.25", "--quiet"});
  REQUIRE(sized.code == 0);
  CHECK(sized.err.empty());
  CHECK(onnx_metadata(text_of(out)).at("triptych.image_size") == "24");
  CHECK(onnx_metadata(text_of(out)).at("triptych.deviation") == "0.25, 0.25, 0.25");
}

TEST_CASE("Other constants than those of training are said everywhere") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto out = run.beside("encoder.safetensors");
  REQUIRE(call_app({"export", run.root().string(), "--format", "safetensors", "--out", out.string(),
                    "--normalize", "imagenet"})
              .code == 0);
  const auto metadata = io::safetensors_file::open(out).metadata();
  CHECK(metadata.at("triptych.mean") == "0.485, 0.456, 0.406");
  CHECK(metadata.at("triptych.data").find("\"mean\": [0.485, 0.456, 0.406]") != std::string::npos);
}

TEST_CASE("What export cannot take or write is refused") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto root = run.root().string(), there = run.beside("there.onnx").string();
  refused_export({run.beside("nothing").string()}, 2, "give the --out of a training run");
  refused_export({run.beside("").string(), "--out", there}, 2, "neither a run nor a checkpoint");
  refused_export({root, "--normalize", "data"}, 2, "normalize");
  refused_export({run.latest().string()}, 2, "give e.g. --out encoder.onnx");
  std::ofstream(there) << "somebody's";
  refused_export({root, "--out", there}, 2, "give --overwrite to replace it, or another --out");
  CHECK(text_of(there) == "somebody's");
  std::ofstream(run.root() / "export" / "encoder.onnx") << "somebody's";
  refused_export({root}, 2, "encoder.onnx");
  CHECK(text_of(run.root() / "export" / "encoder.onnx") == "somebody's");
  refused_export({root, "--out", run.beside("nowhere/x.onnx").string()}, 74, "nowhere");
  refused_export({root, "--out", "/dev/full"}, 74, "free some disk space");
  refused_export({there, "--out", run.beside("x").string()}, 6, there);
  fs::remove_all(run.checkpoints());
  fs::create_directory(run.checkpoints());
  refused_export({root, "--out", run.beside("x").string()}, 2, "holds no checkpoint");
}

TEST_CASE("An export that fails leaves what was there") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto out = run.beside("x.onnx");
  std::ofstream(out) << "before";
  for (const char* format : {"onnx", "safetensors"}) {
    const auto failed = call_app(
        {"export", run.root().string(), "--out", out.string(), "--overwrite", "--format", format},
        {"TRIPTYCH_FAILPOINT=write:ENOSPC"});
    CHECK(failed.code == 74);
    CHECK(text_of(out) == "before");
  }
}
