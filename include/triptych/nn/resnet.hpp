// triptych/nn/resnet.hpp
//
// ResNet of basic blocks: stem, four stages of widths w, 2w, 4w, 8w, global average pool.
// ResNet-18 is {.width = 64, .blocks = {2, 2, 2, 2}}, -10 {1, 1, 1, 1}, -34 {3, 4, 6, 3}.
//
//   x (N,H,W,3) -> stem -> stage 1 (H,W) -> 2 (/2) -> 3 (/4) -> 4 (/8) -> mean -> h (N, 8w)
//
// The cifar stem is a 3x3 convolution with stride 1 and padding 1; the imagenet stem a 7x7 with
// stride 2 and a 3x3 max-pool with stride 2, for images of 64 pixels and more.
// Source: He, Zhang, Ren, Sun, "Deep residual learning" (2016). Names are torchvision's.
// Memory of a recorded pass: four maps a basic block (each convolution's output and its
// normalization), six where the block changes shape.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/conv2d.hpp>

namespace triptych::nn {

enum class stem { cifar, imagenet };

/// The numbers that make a ResNet.
struct resnet_options {
  triptych::nn::stem stem = stem::cifar;
  int width = 64;
  std::array<int, 4> blocks = {2, 2, 2, 2};
  bool zero_init_residual = false;  ///< the last BatchNorm weight of every block starts at 0
};

/// Two 3x3 convolutions and a short cut: y = relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)).
struct basic_block {
  conv2d conv1, conv2, shortcut;
  batch_norm bn1, bn2, shortcut_bn;
  bool projects = false;  ///< the short cut changes shape, by a 1x1 convolution

  basic_block(int in, int out, int stride, bool zero_init)
      : conv1{in, out, 3, stride, 1},
        conv2{out, out, 3, 1, 1},
        shortcut{in, out, 1, stride, 0},
        bn1{.channels = out},
        bn2{.channels = out, .weight_start = zero_init ? initial::zero : initial::one},
        shortcut_bn{.channels = out},
        projects(stride != 1 || in != out) {}

  void declare(declaration& d) {
    conv1.declare(d, "conv1");
    bn1.declare(d, "bn1");
    conv2.declare(d, "conv2");
    bn2.declare(d, "bn2");
    if (projects) {
      shortcut.declare(d, "downsample.0");
      shortcut_bn.declare(d, "downsample.1");
    }
  }

  template <class B>
  void forward(const pass<B>& p, tensor<const typename B::activation> x,
               tensor<typename B::activation> y) const {
    const auto scope = p.temporaries();
    tensor<const typename B::activation> bypass = x;
    if (projects) {
      const auto mapped = p.take_activation(y.shape);
      shortcut.forward(p, x, mapped);
      const auto normal = p.recording() ? p.take_activation(y.shape) : mapped;
      shortcut_bn.forward(p, mapped, nullptr, false, normal);
      bypass = normal;
    }
    const auto inner = p.take_activation(y.shape);
    conv1.forward(p, x, inner);
    const auto hidden = p.recording() ? p.take_activation(y.shape) : inner;
    bn1.forward(p, inner, nullptr, true, hidden);
    const auto outer = p.recording() ? p.take_activation(y.shape) : y;
    conv2.forward(p, hidden, outer);
    bn2.forward(p, outer, bypass.data, true, y);
  }

  /// dy (overwritten) -> dx, which is dy where the block does not project. Gradients within the block
  /// take the places of forward's maps.
  template <class B>
  void backward(const pass<B>& p, tensor<typename B::activation> dy,
                tensor<typename B::activation> dx) const {
    const auto [outer, hidden] = bn2.backward(p, dy);  // dy is now the short cut's gradient
    conv2.backward(p, outer, hidden.data);
    const auto inner = bn1.backward(p, hidden).dx;
    conv1.backward(p, inner, dx.data, !projects);
    if (projects) shortcut.backward(p, shortcut_bn.backward(p, dy).dx, dx.data, true);
  }
};

class resnet {
 public:
  explicit resnet(const resnet_options& options = {}) : options_(options) {
    const bool small = options.stem == stem::cifar;
    stem_ = small ? conv2d{3, options.width, 3, 1, 1} : conv2d{3, options.width, 7, 2, 3};
    stem_bn_ = {.channels = options.width};
    int in = options.width;
    for (int stage = 0; stage < 4; ++stage) {
      const int out = options.width << stage;
      for (int b = 0; b < options.blocks[static_cast<std::size_t>(stage)]; ++b) {
        blocks_.emplace_back(in, out, stage > 0 && b == 0 ? 2 : 1, options.zero_init_residual);
        in = out;
      }
    }
    out_ = in;
  }

  [[nodiscard]] int out() const { return out_; }
  /// What an exported file says of the architecture.
  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    std::string blocks;
    for (const int b : options_.blocks) blocks += (blocks.empty() ? "" : ",") + std::to_string(b);
    return {{"triptych.arch",
             "resnet basic blocks " + blocks + " width " + std::to_string(options_.width)},
            {"triptych.stem", options_.stem == stem::cifar ? "3x3 stride 1 padding 1, no max-pool"
                                                           : "7x7 stride 2 padding 3, max-pool"}};
  }

  void declare(declaration& d) {
    stem_.declare(d, "conv1");
    stem_bn_.declare(d, "bn1");
    std::size_t next = 0;
    for (int stage = 0; stage < 4; ++stage) {
      for (int b = 0; b < options_.blocks[static_cast<std::size_t>(stage)]; ++b) {
        d.within("layer" + std::to_string(stage + 1) + "." + std::to_string(b) + ".",
                 [&] { blocks_[next++].declare(d); });
      }
    }
  }

  /// x (N,H,W,3), a map -> h (N, 8w), features.
  template <class B>
  [[nodiscard]] tensor<const typename B::real>
  forward(const pass<B>& p, tensor<const typename B::activation> x) const {
    const auto h = p.take(features(x.shape.images, out_, x.shape.groups));
    const auto scope = p.temporaries();

    const auto mapped = p.take_activation(stem_.output(x.shape));
    stem_.forward(p, x, mapped);
    const auto normal = p.recording() ? p.take_activation(mapped.shape) : mapped;
    stem_bn_.forward(p, mapped, nullptr, true, normal);
    auto y = options_.stem == stem::imagenet ? max_pool(p, normal) : normal;
    tensor<typename B::activation>
        before{};  // the map before y, whose place serves again where it is large enough
    for (const auto& block : blocks_) {
      const shape s = block.conv1.output(y.shape);
      const bool reuse = !p.recording() && before.data != nullptr && s.size() <= before.size();
      const auto next =
          reuse ? tensor<typename B::activation>{s, before.data} : p.take_activation(s);
      block.forward(p, y, next);
      if (p.recording()) p.tape->push_shape(y.shape);
      before = std::exchange(y, next);
    }
    p.backend.average_pool_forward(y.shape, y.data, h.data);
    if (p.recording()) p.tape->push_shape(y.shape);
    return h;
  }

  /// dh (N, 8w); the gradient of the images is not wanted. Takes a map for each shape there is.
  template <class B>
  void backward(const pass<B>& p, tensor<typename B::real> dh) const {
    const arena_frame scope(p.backend.arena());
    auto dy = p.take_activation(p.tape->pop_shape());
    p.backend.average_pool_backward(dy.shape, dh.data, dy.data);
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      const shape s = p.tape->pop_shape();
      const auto dx = block->projects ? p.take_activation(s) : dy;
      block->backward(p, dy, dx);
      dy = dx;
    }
    if (options_.stem == stem::imagenet) {
      const auto argmax = p.tape->template pop<const int>();
      const auto dx = p.take_activation(p.tape->pop_shape());
      p.backend.max_pool_backward(dx.shape, dy.shape.height, dy.shape.width, dy.data, argmax.data,
                                  dx.data);
      dy = dx;
    }
    stem_.backward(p, stem_bn_.backward(p, dy).dx, nullptr);
  }

 private:
  template <class B>
  static tensor<typename B::activation> max_pool(const pass<B>& p,
                                                 tensor<const typename B::activation> x) {
    shape pooled = x.shape;
    pooled.height = (x.shape.height - 1) / 2 + 1;
    pooled.width = (x.shape.width - 1) / 2 + 1;
    const auto y = p.take_activation(pooled);
    const tensor<int> argmax{pooled, p.backend.arena().template take<int>(y.size())};
    p.backend.max_pool_forward(x.shape, 3, 2, 1, x.data, y.data, argmax.data);
    if (p.recording()) {
      p.tape->push_shape(x.shape);
      p.tape->push(argmax);
    }
    return y;
  }

  resnet_options options_;
  conv2d stem_;
  batch_norm stem_bn_;
  std::vector<basic_block> blocks_;
  int out_ = 0;
};

}  // namespace triptych::nn
