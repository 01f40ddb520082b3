// triptych/nn/resnet.hpp
//
// ResNet: stem, four stages of widths w, 2w, 4w, 8w, global average pool. Of basic blocks, with w =
// 64, it is ResNet-18 with {2, 2, 2, 2}, -34 with {3, 4, 6, 3} (-10 with {1, 1, 1, 1}); of
// bottleneck blocks, whose outputs have four times as many channels, -50 with {3, 4, 6, 3} and -101
// with {3, 4, 23, 3}.
//
//   x (N,H,W,3) -> stem -> stage 1 (H,W) -> 2 (/2) -> 3 (/4) -> 4 (/8) -> mean -> h (N, 8w or 32w)
//
// The cifar stem is a 3x3 convolution with stride 1 and padding 1; the imagenet stem a 7x7 with
// stride 2 and a 3x3 max-pool with stride 2, for images of 64 pixels and more.
// Source: He, Zhang, Ren, Sun, "Deep residual learning" (2016). Names are torchvision's, and so is
// the place of a bottleneck's stride: its 3x3 convolution.
// Memory of a recorded pass: the output of every convolution and the result of every block; and,
// where the next convolution does not normalize what it reads, the normalized maps.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/conv2d.hpp>
#include <triptych/nn/feature_map.hpp>

namespace triptych::nn {

enum class stem { cifar, imagenet };

enum class block { basic, bottleneck };

/// The numbers that make a ResNet.
struct resnet_options {
  triptych::nn::stem stem = stem::cifar;
  triptych::nn::block block = block::basic;
  int width = 64;
  std::array<int, 4> blocks = {2, 2, 2, 2};
  bool zero_init_residual = false;  ///< the last BatchNorm weight of every block starts at 0
};

/// Convolutions, each with its BatchNorm and relu, and a shortcut into the last one's relu:
///   basic       y = relu(bn(3x3(relu(bn(3x3(x))))) + shortcut(x))
///   bottleneck  y = relu(bn(1x1(relu(bn(3x3(relu(bn(1x1(x)))))))) + shortcut(x))
class residual_block {
 public:
  /// From `in` channels to the stage's `width`, or to four times that.
  residual_block(block kind, int in, int width, int stride, bool zero_init) {
    if (kind == block::basic) {
      layers_ = {{{in, width, 3, stride, 1}, {.channels = width}},
                 {{width, width, 3, 1, 1}, {.channels = width}}};
    } else {
      layers_ = {{{in, width, 1, 1, 0}, {.channels = width}},
                 {{width, width, 3, stride, 1}, {.channels = width}},
                 {{width, 4 * width, 1, 1, 0}, {.channels = 4 * width}}};
    }
    if (zero_init) layers_.back().norm.weight_start = initial::zero;
    if (stride != 1 || in != out()) {
      shortcut_ = {{in, out(), 1, stride, 0}, {.channels = out()}};
    }
  }

  [[nodiscard]] int out() const { return layers_.back().conv.out; }
  [[nodiscard]] shape output(shape x) const {
    for (const auto& l : layers_) x = l.conv.output(x);
    return x;
  }
  /// Whether the shortcut changes shape.
  [[nodiscard]] bool projects() const { return shortcut_.has_value(); }

  void declare(declaration& d) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto number = std::to_string(i + 1);
      layers_[i].conv.declare(d, "conv" + number);
      layers_[i].norm.declare(d, "bn" + number);
    }
    if (shortcut_) {
      shortcut_->conv.declare(d, "downsample.0");
      shortcut_->norm.declare(d, "downsample.1");
    }
  }

  template <class B>
  void forward(const pass<B>& p, tensor<const typename B::activation> x,
               tensor<typename B::activation> y) const {
    const auto scope = p.temporaries();
    // Backward does not need what the shortcut gives: it waits in y's place where that is free.
    const auto place = p.recording() ? y : tensor<typename B::activation>{};
    const auto bypass = shortcut_ ? normalized(p, *shortcut_, x, nullptr, false, place) : x;
    feature_map<B> inner = x;
    for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
      const auto mapped = p.take_activation(layers_[i].conv.output(inner.x.shape));
      layers_[i].conv.forward(p, inner, mapped);
      inner = layers_[i].norm.forward_into(p, mapped, layers_[i + 1].conv.geometry(mapped.shape));
    }
    normalized(p, layers_.back(), inner, bypass.data, true, y);
  }

  /// dy (overwritten) -> dx, which is dy where the block does not project. Gradients within the
  /// block take the places of forward's maps where they have room.
  template <class B>
  void backward(const pass<B>& p, tensor<typename B::activation> dy,
                tensor<typename B::activation> dx) const {
    auto gradient = dy;  // of the layer's output; after the last BatchNorm, dy is the shortcut's
    for (std::size_t i = layers_.size(); i-- > 1;) {
      auto [dmapped, place] = layers_[i].norm.backward(p, gradient);
      shape in = dx.shape;
      for (std::size_t before = 0; before < i; ++before) in = layers_[before].conv.output(in);
      gradient = in.size() <= place.size() ? tensor<typename B::activation>{in, place.data}
                                           : p.take_activation(in);
      layers_[i].conv.backward(p, dmapped, gradient.data);
    }
    const auto dmapped = layers_.front().norm.backward(p, gradient).dx;
    layers_.front().conv.backward(p, dmapped, dx.data, !projects());
    if (!shortcut_) return;
    shortcut_->conv.backward(p, shortcut_->norm.backward(p, dy).dx, dx.data, true);
  }

 private:
  struct layer {
    conv2d conv;
    batch_norm norm;
  };

  /// relu(bn(conv(x)) + residual), the relu where it is asked for. The result goes to `y`, or to
  /// new memory where y is empty; where nothing is recorded, it overwrites the convolution's
  /// output.
  template <class B>
  static tensor<typename B::activation>
  normalized(const pass<B>& p, const layer& l, const std::type_identity_t<feature_map<B>>& x,
             const typename B::activation* residual, bool relu, tensor<typename B::activation> y) {
    const shape s = l.conv.output(x.x.shape);
    const bool given = y.data != nullptr;
    const auto mapped = given && !p.recording() ? y : p.take_activation(s);
    l.conv.forward(p, x, mapped);
    if (!given) y = p.recording() ? p.take_activation(s) : mapped;
    l.norm.forward(p, mapped, residual, relu, y);
    return y;
  }

  std::vector<layer> layers_;
  std::optional<layer> shortcut_;
};

class resnet {
 public:
  explicit resnet(const resnet_options& options = {}) : options_(options) {
    const bool small = options.stem == stem::cifar;
    stem_ = small ? conv2d{3, options.width, 3, 1, 1} : conv2d{3, options.width, 7, 2, 3};
    stem_bn_ = {.channels = options.width};
    int in = options.width;
    for (int stage = 0; stage < 4; ++stage) {
      for (int b = 0; b < options.blocks[static_cast<std::size_t>(stage)]; ++b) {
        blocks_.emplace_back(options.block, in, options.width << stage, stage > 0 && b == 0 ? 2 : 1,
                             options.zero_init_residual);
        in = blocks_.back().out();
      }
    }
    out_ = in;
  }

  [[nodiscard]] int out() const { return out_; }
  /// What an exported file says of the architecture.
  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    std::string blocks;
    for (const int b : options_.blocks) blocks += (blocks.empty() ? "" : ",") + std::to_string(b);
    return {{"triptych.arch", std::string("resnet ") +
                                  (options_.block == block::basic ? "basic" : "bottleneck") +
                                  " blocks " + blocks + " width " + std::to_string(options_.width)},
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

  /// x (N,H,W,3), a map -> h (N, out), features.
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
    // The map before y, whose place serves again where it is large enough.
    tensor<typename B::activation> before{};
    for (const auto& block : blocks_) {
      const shape s = block.output(y.shape);
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

  /// dh (N, out); the gradient of the images is not wanted. Takes a map for each shape there is,
  /// and one more for each bottleneck with a stride.
  template <class B>
  void backward(const pass<B>& p, tensor<typename B::real> dh) const {
    const arena_frame scope(p.backend.arena());
    auto dy = p.take_activation(p.tape->pop_shape());
    p.backend.average_pool_backward(dy.shape, dh.data, dy.data);
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      const shape s = p.tape->pop_shape();
      const auto dx = block->projects() ? p.take_activation(s) : dy;
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
  std::vector<residual_block> blocks_;
  int out_ = 0;
};

}  // namespace triptych::nn
