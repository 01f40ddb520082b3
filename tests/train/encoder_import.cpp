#include <triptych/train/encoder_import.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/io/file.hpp>
#include <triptych/network/network.hpp>
#include <triptych/train/encoder_export.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"
#include "train/foreign_encoder.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

using tensors = std::vector<train::host_tensor<float>>;
using renaming = std::function<std::string(std::string)>;

const nn::resnet_options small{.width = 2, .blocks = {1, 2, 1, 1}};

renaming behind(const std::string& prefix) {
  return [prefix](const std::string& name) { return prefix + name; };
}

/// The children of an nn.Sequential: the stem's two, then stages from `first` on.
renaming by_position(const std::string& prefix, int first) {
  return [prefix, first](std::string name) {
    if (name.starts_with("conv1.")) return prefix + "0." + name.substr(6);
    if (name.starts_with("bn1.")) return prefix + "1." + name.substr(4);
    return prefix + std::to_string(name[5] - '1' + first) + name.substr(6);
  };
}

std::string with_shortcuts(std::string name) {
  const auto at = name.find("downsample");
  if (at != name.npos) name.replace(at, 10, "shortcut");
  return name;
}

tensors renamed(tensors all, const renaming& rename) {
  for (auto& t : all) t.name = rename(t.name);
  return all;
}

tensors operator+(tensors a, const tensors& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

train::host_tensor<float> extra(const std::string& name, std::int64_t size = 3) {
  return {name, {size}, std::vector<float>(static_cast<std::size_t>(size), 1.0f)};
}

train::encoder_weights read(const tensors& all) {
  const temporary_directory at;
  return train::read_encoder(in_a_file(at.path() / "a.safetensors", all));
}

/// What reading these is refused with.
std::string refusal(const tensors& all) {
  const auto refused = thrown_by([&] { static_cast<void>(read(all)); });
  CHECK(refused.kind == error_kind::checkpoint);
  return refused.sentence;
}

train::host_tensor<float>& named(tensors& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == name; });
}

}  // namespace

TEST_CASE("Encoders of torchvision and timm give their features") {
  const auto golden = io::safetensors_file::open(golden_path("encoders.safetensors"));
  struct wanted {
    const char* name;
    nn::resnet_options architecture;
  };
  using nn::block, nn::stem;
  const auto [name, architecture] = GENERATE(
      wanted{"torchvision_resnet18_imagenet", {.stem = stem::imagenet}},
      wanted{"torchvision_resnet18_cifar", {}},
      wanted{"torchvision_resnet50_imagenet",
             {.stem = stem::imagenet, .block = block::bottleneck, .blocks = {3, 4, 6, 3}}},
      wanted{"torchvision_resnet50_cifar", {.block = block::bottleneck, .blocks = {3, 4, 6, 3}}},
      wanted{"timm_resnet34_imagenet", {.stem = stem::imagenet, .blocks = {3, 4, 6, 3}}},
      wanted{"timm_resnet18_cifar", {}});
  INFO(name);
  const auto weights = read(resnet_tensors(architecture));
  CHECK(weights.architecture.stem == architecture.stem);
  CHECK(weights.architecture.block == architecture.block);
  CHECK(weights.architecture.width == architecture.width);
  CHECK(weights.architecture.blocks == architecture.blocks);

  backend::eigen<> backend(2);
  network<backend::eigen<>, update::ema> encoder(
      backend, nn::architecture<>(nn::resnet(weights.architecture), {{}, 0}));
  train::import_encoder(encoder, weights);
  const int side = architecture.stem == stem::imagenet ? 64 : 32;
  const auto planes = named_values("image", {2, 3, side, side});
  const shape s{2, side, side, 3};
  const auto pixels = channels_last({planes.begin(), planes.end()}, s);
  const std::vector<float> x(pixels.begin(), pixels.end());
  const auto h = encoder.embed({s, x.data()});
  const auto theirs = golden.values<double>(std::string(name) + "/features");
  REQUIRE(h.size() == theirs.size());
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i]));
    error = std::max(error, std::abs(theirs[i] - static_cast<double>(h.data[i])));
  }
  CHECK(error < 1e-5 * largest);
}

TEST_CASE("Encoders are found under the names that other programs give them") {
  const auto own = resnet_tensors(small);
  const auto expected = read(own).tensors;
  const auto check = [&](const char* whose, const tensors& all, const std::string& left_out) {
    INFO(whose);
    const auto weights = read(all);
    CHECK(weights.architecture.blocks == small.blocks);
    CHECK(weights.architecture.width == small.width);
    CHECK(weights.tensors == expected);
    CHECK(weights.left_out == left_out);
  };
  auto key = own;  // other numbers under the names of a momentum encoder
  for (auto& t : key) t.values.assign(t.values.size(), 0.5f);
  const auto count = std::to_string(own.size());

  check("torchvision", own + tensors{extra("fc.weight"), extra("fc.bias")}, "fc (2 tensors)");
  check("DataParallel", renamed(own, behind("module.")) + tensors{extra("module.fc.weight")},
        "fc (1 tensor)");
  check("MoCo",
        renamed(own, behind("module.encoder_q.")) + renamed(key, behind("module.encoder_k.")) +
            tensors{extra("module.encoder_q.fc.0.weight"), extra("module.queue")},
        "encoder_k (" + count + " tensors), fc (1), queue (1)");
  check("MoCo v3",
        renamed(own, behind("module.base_encoder.")) +
            renamed(key, behind("module.momentum_encoder.")),
        "momentum_encoder (" + count + " tensors)");
  check("lightly",
        renamed(own, by_position("backbone.", 4)) +
            renamed(key, by_position("backbone_momentum.", 4)) +
            tensors{extra("projection_head.layers.0.weight")},
        "backbone_momentum (" + count + " tensors), projection_head (1)");
  check("lightly, benchmarks",
        renamed(own, behind("backbone.")) + renamed(key, behind("key_backbone.")),
        "key_backbone (" + count + " tensors)");
  check("MoCo's notebook", renamed(own, by_position("encoder_q.net.", 3)), "");
  check("solo-learn",
        renamed(own, behind("backbone.")) + renamed(key, behind("momentum_backbone.")) +
            tensors{extra("classifier.weight"), extra("projector.0.weight")},
        "classifier (1 tensor), momentum_backbone (" + count + "), projector (1)");
  check("DINO",
        renamed(own, behind("student_backbone.")) + renamed(key, behind("teacher_backbone.")),
        "teacher_backbone (" + count + " tensors)");
  check("a compiled module", renamed(own, behind("backbone._orig_mod.")), "");
  check("pytorch-cifar", renamed(renamed(own, with_shortcuts), behind("module.")), "");
  check("a teacher alone", renamed(own, behind("teacher.")), "");
}

TEST_CASE("An encoder comes back from the file that it was exported to, and from a checkpoint's") {
  small_run<> run({.stem = nn::stem::imagenet, .width = 2});
  const temporary_directory at;
  const auto path = at.path() / "encoder.safetensors";
  train::export_encoder(path, run.method, 41);
  const auto weights = train::read_encoder(io::safetensors_file::open(path));
  CHECK(weights.architecture.stem == nn::stem::imagenet);
  CHECK(weights.left_out.empty());

  std::vector<train::host_tensor<float>> state;
  for (const auto& arena : run.method.arenas()) {
    for (auto& t : train::download(run.backend, arena)) {
      if (arena.role == method::arena_role::model) state.push_back(std::move(t));
    }
  }
  CHECK(read(state).tensors == weights.tensors);
}

TEST_CASE("Every network of a method starts from an imported encoder, and heads stay") {
  small_run<> run({.width = 2});
  const nn::resnet_options architecture{.width = 2, .blocks = {1, 1, 1, 1}};
  const auto heads_of = [&](const method::named_arena<float>& arena) {
    std::vector<float> values;
    for (const auto& t : train::download(run.backend, arena)) {
      if (t.name.find(".encoder.") == t.name.npos) {
        values.insert(values.end(), t.values.begin(), t.values.end());
      }
    }
    return values;
  };
  std::vector<std::vector<float>> before;
  for (const auto& arena : run.method.arenas()) before.push_back(heads_of(arena));
  const auto weights = read(resnet_tensors(architecture));
  train::import_encoder(run.method, weights);
  std::size_t networks = 0, i = 0;
  for (const auto& arena : run.method.arenas()) {
    CHECK(heads_of(arena) == before[i++]);
    if (arena.role != method::arena_role::model) continue;
    ++networks;
    for (const auto& t : train::download(run.backend, arena)) {
      const auto part = arena.prefix + "encoder.";
      if (!t.name.starts_with(part)) continue;
      INFO(t.name);
      CHECK(t.values == weights.of(t.name.substr(part.size())));
    }
  }
  CHECK(networks == 5);  // weights and statistics of two networks, statistics of the third

  // Of other sizes, nothing is taken.
  for (const nn::resnet_options& wrong :
       {nn::resnet_options{.width = 1, .blocks = {1, 1, 1, 1}},
        nn::resnet_options{.width = 3, .blocks = {1, 1, 1, 1}},
        nn::resnet_options{.width = 2, .blocks = {1, 2, 1, 1}},
        nn::resnet_options{.stem = nn::stem::imagenet, .width = 2, .blocks = {1, 1, 1, 1}}}) {
    const auto refused =
        thrown_by([&] { train::import_encoder(run.method, read(resnet_tensors(wrong))); });
    INFO(refused.sentence);
    CHECK(refused.kind == error_kind::checkpoint);
    CHECK(refused.says("give those of an encoder of the same"));
    for (const auto& t : train::download(run.backend, run.method.arenas().front())) {
      const std::string part = "online.encoder.";
      if (t.name.starts_with(part)) CHECK(t.values == weights.of(t.name.substr(part.size())));
    }
  }
}

TEST_CASE("Half precision and double are read") {
  const auto own = resnet_tensors({.width = 1, .blocks = {1, 1, 1, 1}});
  const temporary_directory at;
  const auto path = at.path() / "a.safetensors";
  const auto expected = read(own).tensors;
  const auto written = [&](auto convert, io::dtype type) {
    using number = decltype(convert(0.0f));
    std::vector<std::vector<number>> all;
    std::vector<io::tensor_source> sources;
    for (const auto& t : own) {
      auto& values = all.emplace_back();
      for (const float x : t.values) values.push_back(convert(x));
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
      sources.push_back({own[i].name, type, own[i].shape, std::as_bytes(std::span(all[i]))});
    }
    io::save_safetensors(path, sources, {});
    return train::read_encoder(io::safetensors_file::open(path)).tensors;
  };
  const auto largest_error = [&](const auto& found) {
    float error = 0;
    for (const auto& [name, values] : expected) {
      const auto& others = found.at(name);
      for (std::size_t i = 0; i < values.size(); ++i) {
        error = std::max(error, std::abs(values[i] - others[i]) / std::abs(values[i]));
      }
    }
    return error;
  };
  CHECK(written([](float x) { return double(x); }, io::dtype::f64) == expected);
  const auto half = written([](float x) { return Eigen::half(x); }, io::dtype::f16);
  const auto brain = written([](float x) { return bf16(x); }, io::dtype::bf16);
  CHECK(largest_error(half) > 0);
  CHECK(largest_error(half) < 0x1p-9f);  // some are too small for all of F16's bits
  CHECK(largest_error(brain) > 0);
  CHECK(largest_error(brain) <= 0x1p-8f);
}

TEST_CASE("A file without one ResNet encoder is refused with what is wrong in it") {
  const auto says = [](const std::string& sentence, const std::string& part) {
    INFO(sentence);
    CHECK(sentence.find(part) != sentence.npos);
  };
  const auto own = resnet_tensors(small);
  const auto without = [&](const std::string& name) {
    auto all = own;
    std::erase_if(all, [&](const auto& t) { return t.name == name; });
    return all;
  };
  const auto reshaped = [&](const std::string& name, std::vector<std::int64_t> shape) {
    auto all = own;
    named(all, name).shape = std::move(shape);
    return all;
  };
  says(refusal({extra("a")}), "holds no ResNet encoder");
  says(refusal(renamed(own, behind("momentum_buffer.online.encoder."))),
       "but the state of an optimizer");
  says(refusal({extra("optimizer.state.0.exp_avg")}), "but the state of an optimizer");
  const auto two = refusal(renamed(own, behind("a.")) + renamed(own, behind("b.")));
  says(two, "holds 2 encoders, named \"a.\", \"b.\"");
  says(two, "e.g. that of the prefix \"a.\"");
  says(refusal(renamed(own, by_position("backbone.", 2))), "without a relu");
  auto large = small;
  large.stem = nn::stem::imagenet;
  says(refusal(renamed(resnet_tensors(large), by_position("backbone.", 3))), "no max-pool");
  says(refusal(reshaped("conv1.weight", {3, 3, 3, 2})),
       "the stem \"conv1.weight\" is F32 [3,3,3,2]");
  says(refusal(without("layer3.0.bn2.running_mean")), "1 missing (\"layer3.0.bn2.running_mean\")");
  says(refusal(reshaped("layer2.0.conv1.weight", {3, 3, 2, 4})),
       "1 mismatched (\"layer2.0.conv1.weight\" is F32 [3,3,2,4], not F32 [4,2,3,3])");
  says(refusal(own + tensors{extra("layer1.0.se.fc1.weight"), extra("conv1.bias")}),
       "2 unexpected");
  auto short_of_one = own;
  std::erase_if(short_of_one, [](const auto& t) { return t.name.starts_with("layer4"); });
  says(refusal(short_of_one), "stage 4 of its encoder has no blocks");
  auto broken = own;
  named(broken, "bn1.weight").values[1] = std::numeric_limits<float>::quiet_NaN();
  says(refusal(broken), "\"bn1.weight\" holds NaN or infinity");
  broken = own;
  named(broken, "bn1.running_var").values[0] = -1;
  says(refusal(broken), "holds a negative variance");
}

TEST_CASE("A PyTorch file is no safetensors file, and what to do is said") {
  const temporary_directory at;
  const auto path = at.path() / "a.pth";
  for (const std::string& bytes : {std::string("PK\x03\x04 and more of a zip"),
                                   std::string("\x80\x02}q\x01X\x05\x00\x00\x00state", 16)}) {
    io::replace_file(path, bytes);
    const auto refused = thrown_by([&] { static_cast<void>(io::safetensors_file::open(path)); });
    CHECK(refused.kind == error_kind::checkpoint);
    CHECK(refused.says("convert_pth.py"));
  }
}

TEST_CASE("The names of torchvision's models are those of ours, none more and none less") {
  const auto all = nlohmann::json::parse(io::read_file(golden_path("encoder_names.json")).text());
  const auto [name, architecture] = GENERATE(
      std::pair<const char*, nn::resnet_options>{"resnet18", {.stem = nn::stem::imagenet}},
      std::pair<const char*, nn::resnet_options>{
          "resnet34", {.stem = nn::stem::imagenet, .blocks = {3, 4, 6, 3}}},
      std::pair<const char*, nn::resnet_options>{
          "resnet50",
          {.stem = nn::stem::imagenet, .block = nn::block::bottleneck, .blocks = {3, 4, 6, 3}}});
  INFO(name);
  auto theirs = all.at(name);
  theirs.erase("fc.weight");
  theirs.erase("fc.bias");
  for (auto it = theirs.begin(); it != theirs.end();) {
    it = it.key().ends_with("num_batches_tracked") ? theirs.erase(it) : std::next(it);
  }
  nlohmann::json ours = nlohmann::json::object();
  for (const auto& t : resnet_tensors(architecture)) ours[t.name] = t.shape;
  CHECK(ours == theirs);
}
