#include <triptych/nn/resnet.hpp>

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nn/workbench.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

workbench bench_of(nn::resnet& r, std::uint64_t seed = 1) {
  return workbench([&](nn::declaration& d) { r.declare(d); }, seed);
}

/// The encodings (N, out) of `x`.
numbers encode(const nn::resnet& r, const nn::pass<oracle>& p, tensor<const double> x) {
  const arena_frame scope(p.backend.arena());
  const auto h = r.forward(p, x);
  return {h.data, h.data + h.size()};
}

void check(const nn::resnet_options& options, const shape& s) {
  nn::resnet r(options);
  workbench w = bench_of(r);
  check_layer(
      w, s, [&](const auto& p, tensor<const double> x) { return r.forward(p, x); },
      [&](const auto& p, tensor<double> dh) {
        r.backward(p, dh);
        return static_cast<const double*>(nullptr);
      },
      {.every_weight = false, .step = 1e-6});
}

using shapes = std::map<std::string, std::vector<std::int64_t>>;

shapes names_of(const nn::parameter_list& list) {
  shapes all;
  for (const auto& p : list) all[p.name] = p.shape;
  return all;
}

/// What torchvision's resnet18, or with bottlenecks resnet50, holds, without the classifier and the
/// counters.
struct torchvision {
  shapes weights, statistics;

  torchvision(std::int64_t width, std::int64_t stem, std::array<int, 4> blocks = {2, 2, 2, 2},
              bool bottleneck = false) {
    weights["conv1.weight"] = {width, 3, stem, stem};
    norm("bn1", width);
    std::int64_t in = width;
    for (std::size_t stage = 0; stage < 4; ++stage) {
      const std::int64_t inner = width << stage, out = bottleneck ? 4 * inner : inner;
      for (int block = 0; block < blocks[stage]; ++block) {
        const std::string at =
            "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
        weights[at + "conv1.weight"] = {inner, in, bottleneck ? 1 : 3, bottleneck ? 1 : 3};
        norm(at + "bn1", inner);
        weights[at + "conv2.weight"] = {inner, inner, 3, 3};
        norm(at + "bn2", inner);
        if (bottleneck) {
          weights[at + "conv3.weight"] = {out, inner, 1, 1};
          norm(at + "bn3", out);
        }
        if (in != out) {
          weights[at + "downsample.0.weight"] = {out, in, 1, 1};
          norm(at + "downsample.1", out);
        }
        in = out;
      }
    }
  }

  void norm(const std::string& name, std::int64_t channels) {
    weights[name + ".weight"] = weights[name + ".bias"] = {channels};
    statistics[name + ".running_mean"] = statistics[name + ".running_var"] = {channels};
  }
};

}  // namespace

TEST_CASE(
    "A pass that keeps nothing for backward encodes as one that does, down to single pixels") {
  for (const auto& [stem, size] :
       {std::pair{nn::stem::cifar, 2}, {nn::stem::cifar, 8}, {nn::stem::imagenet, 8}}) {
    for (const auto& [block, blocks] :
         {std::pair{nn::block::basic, 1}, {nn::block::basic, 2}, {nn::block::bottleneck, 2}}) {
      INFO(size << " pixels, " << blocks << " blocks");
      nn::resnet r(
          {.stem = stem, .block = block, .width = 2, .blocks = {blocks, blocks, blocks, blocks}});
      workbench w = bench_of(r);
      const shape s{4, size, size, 3, 2};
      const numbers x = random_for(s, 3);
      CHECK(
          same_bits(encode(r, w.plain(), {s, x.data()}), encode(r, w.recording(), {s, x.data()})));
    }
  }
}

TEST_CASE("a resnet with the cifar stem has the gradients of its differences at odd sizes") {
  check({.stem = nn::stem::cifar, .width = 2, .blocks = {1, 1, 1, 1}}, {4, 11, 9, 3, 2});
}

TEST_CASE("a resnet with the imagenet stem has the gradients of its differences at odd sizes") {
  check({.stem = nn::stem::imagenet, .width = 2, .blocks = {1, 1, 1, 1}}, {4, 37, 35, 3, 2});
}

TEST_CASE("a resnet with two blocks a stage has the gradients of its differences") {
  check({.width = 2, .blocks = {1, 2, 1, 2}}, {4, 15, 20, 3});
}

TEST_CASE("groups in one pass are passes of their own, bit for bit, through a whole resnet") {
  nn::resnet r({.width = 2, .blocks = {1, 1, 1, 1}});
  workbench together = bench_of(r), apart = bench_of(r);
  const shape s{6, 9, 7, 3, 3};
  const numbers images = random_for(s, 4);
  const tensor<const double> x{s, images.data()};
  const numbers h = encode(r, together.plain(), x);
  numbers one_by_one;
  for (const std::int64_t first : {0, 2, 4}) {
    const numbers part = encode(r, apart.plain(), x.images(first, 2));
    one_by_one.insert(one_by_one.end(), part.begin(), part.end());
  }
  CHECK(same_bits(h, one_by_one));
  CHECK(same_bits(together.statistics, apart.statistics));
}

TEST_CASE("recording changes no bit of a resnet's output or statistics") {
  const auto stem = GENERATE(nn::stem::cifar, nn::stem::imagenet);
  nn::resnet r({.stem = stem, .width = 2, .blocks = {1, 1, 1, 1}});
  workbench a = bench_of(r), b = bench_of(r);
  const shape s{4, 33, 17, 3, 2};
  const numbers images = random_for(s, 4);
  CHECK(same_bits(encode(r, a.plain(), {s, images.data()}),
                  encode(r, b.recording(), {s, images.data()})));
  CHECK(same_bits(a.statistics, b.statistics));
}

TEST_CASE("evaluation encodes each image by itself and leaves the running statistics") {
  nn::resnet r({.width = 2, .blocks = {1, 1, 1, 1}});
  workbench w = bench_of(r);
  const shape s{3, 8, 8, 3};
  const numbers images = random_for(s, 4);
  const tensor<const double> x{s, images.data()};
  static_cast<void>(encode(r, w.plain(), x));  // moves the statistics
  const numbers before = w.statistics;
  const numbers all = encode(r, w.plain(nn::mode::evaluate), x);
  const numbers second = encode(r, w.plain(nn::mode::evaluate), x.images(1, 1));
  CHECK(same_bits(second, numbers(all.begin() + r.out(), all.begin() + 2 * r.out())));
  CHECK(same_bits(w.statistics, before));
  CHECK_FALSE(same_bits(all, encode(r, w.plain(), x)));
}

TEST_CASE("resnet-18 has the names, shapes and sizes of torchvision's") {
  nn::declaration cifar, imagenet;
  nn::resnet().declare(cifar);
  nn::resnet({.stem = nn::stem::imagenet}).declare(imagenet);
  CHECK(cifar.weights.tensors() == 60);  // 62 less the classifier's two
  CHECK(cifar.statistics.tensors() == 40);
  CHECK(cifar.weights.count() == 11168832);
  CHECK(imagenet.weights.count() == 11689512 - 513000);
  const torchvision small(64, 3), large(64, 7);
  CHECK(names_of(cifar.weights) == small.weights);
  CHECK(names_of(imagenet.weights) == large.weights);
  CHECK(names_of(cifar.statistics) == small.statistics);
  CHECK(nn::resnet().out() == 512);
}

TEST_CASE("a resnet of bottlenecks has the gradients of its differences at odd sizes") {
  check({.block = nn::block::bottleneck, .width = 2, .blocks = {1, 2, 1, 1}}, {4, 9, 7, 3, 2});
}

TEST_CASE("resnet-50 has the names, shapes and sizes of torchvision's") {
  const nn::resnet_options options{
      .stem = nn::stem::imagenet, .block = nn::block::bottleneck, .blocks = {3, 4, 6, 3}};
  nn::declaration d;
  nn::resnet r(options);
  r.declare(d);
  const torchvision theirs(64, 7, options.blocks, true);
  CHECK(names_of(d.weights) == theirs.weights);
  CHECK(names_of(d.statistics) == theirs.statistics);
  CHECK(d.weights.count() == 25557032 - 2049000);
  CHECK(r.out() == 2048);
}

TEST_CASE("width and block counts make resnet-10 and -34") {
  const auto count = [](std::array<int, 4> blocks) {
    nn::declaration d;
    nn::resnet r({.width = 16, .blocks = blocks});
    r.declare(d);
    int convolutions = 0;
    for (const auto& p : d.weights) convolutions += p.is_convolution() ? 1 : 0;
    return convolutions - 3;  // the short cuts' do not count
  };
  CHECK(count({1, 1, 1, 1}) == 10 - 1);  // nor the classifier
  CHECK(count({3, 4, 6, 3}) == 34 - 1);
  CHECK(nn::resnet({.width = 16}).out() == 128);
}

TEST_CASE("zero-initialized residuals start every block as its short cut") {
  nn::declaration d;
  nn::resnet r({.width = 2, .zero_init_residual = true});
  r.declare(d);
  for (const auto& p : d.weights) {
    const bool last = p.name.ends_with("bn2.weight");
    if (last) CHECK(p.start == nn::initial::zero);
    if (p.name.ends_with("bn1.weight")) CHECK(p.start == nn::initial::one);
  }
}

TEST_CASE("a forward pass that records nothing gives all memory back but its result's") {
  nn::resnet r({.width = 2, .blocks = {1, 1, 1, 1}});
  workbench w = bench_of(r);
  const shape s{2, 8, 8, 3};
  const numbers images = random_for(s, 4);
  const auto before = w.backend.arena().position();
  static_cast<void>(r.forward(w.plain(), tensor<const double>{s, images.data()}));
  const auto after = w.backend.arena().position();
  CHECK(after.block == before.block);
  CHECK(after.offset - before.offset == 2 * 16 * sizeof(double));
}
