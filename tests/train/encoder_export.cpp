#include <triptych/train/encoder_export.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

template <class Run>
io::safetensors_file exported(Run& run, std::int64_t batches = 41) {
  const temporary_directory at;
  const auto path = at.path() / "encoder.safetensors";
  train::export_encoder(path, run.method, batches);
  return io::safetensors_file::open(path);
}

}  // namespace

TEST_CASE("the exported encoder has torchvision's names and shapes, and no head") {
  small_run<> run({.width = 2});
  const auto file = exported(run);
  // Twelve convolutions, twelve norms of five tensors each.
  CHECK(file.names().size() == 12 + 12 * 5);
  const auto shape_of = [&](const char* name) { return file.info(name).shape; };
  CHECK(shape_of("conv1.weight") == io::tensor_shape{2, 3, 3, 3});
  CHECK(shape_of("layer1.0.conv2.weight") == io::tensor_shape{2, 2, 3, 3});
  CHECK(shape_of("layer4.0.conv1.weight") == io::tensor_shape{16, 8, 3, 3});
  CHECK(shape_of("layer4.0.downsample.0.weight") == io::tensor_shape{16, 8, 1, 1});
  CHECK(shape_of("layer2.0.downsample.1.running_var") == io::tensor_shape{4});
  CHECK(shape_of("bn1.num_batches_tracked").empty());
  for (const auto& name : file.names()) {
    INFO(name);
    const bool count = name.ends_with("num_batches_tracked");
    CHECK(file.info(name).type == (count ? io::dtype::i64 : io::dtype::f32));
    if (count) CHECK(file.values<std::int64_t>(name) == std::vector<std::int64_t>{41});
    CHECK(name.find("projector") == std::string::npos);
    CHECK(name.find("encoder") == std::string::npos);
  }
}

TEST_CASE("the exported numbers are the online encoder's, in PyTorch's order") {
  small_run<> run({.width = 2});
  const auto file = exported(run);
  auto& n = run.method.online();
  for (const auto& p : n.weight_list()) {
    if (p.name != "encoder.layer2.0.conv1.weight") continue;
    const auto values = file.values<float>("layer2.0.conv1.weight");  // (4, 2, 3, 3)
    for (std::size_t o = 0; o < 4; ++o) {
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t t = 0; t < 9; ++t) {
          CHECK(values[(o * 2 + i) * 9 + t] == n.weights()[p.offset + (t * 2 + i) * 4 + o]);
        }
      }
    }
  }
}

TEST_CASE("the metadata name what shapes cannot show") {
  small_run<> cifar({.width = 2});
  small_run<> imagenet({.stem = nn::stem::imagenet});
  const auto a = exported(cifar).metadata(), b = exported(imagenet).metadata();
  CHECK(a.at("format") == "pt");
  CHECK(a.at("triptych.arch") == "resnet basic blocks 1,1,1,1 width 2");
  CHECK(a.at("triptych.stem") == "3x3 stride 1 padding 1, no max-pool");
  CHECK(b.at("triptych.stem") == "7x7 stride 2 padding 3, max-pool");
}

TEST_CASE("an encoder trained in double is exported in single precision") {
  small_run<double> run;
  const auto file = exported(run);
  CHECK(file.info("conv1.weight").type == io::dtype::f32);
  const auto values = file.values<float>("bn1.weight");
  CHECK(values == std::vector<float>{1});
}
