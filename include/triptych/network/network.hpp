// triptych/network/network.hpp
//
// THE network: divide -> encode -> combine -> project [-> predict]. Online, momentum and
// stop-gradient networks are instances of it that differ in their update policy and combinator
// (network/branches.hpp).
//
//   N images a view, V views, g x g patches, s subsets of k patches, D features, P projections
//
//   x (V N, H, W, 3) --divide--> (V g*g N, H/g, W/g, 3) --encoder--> h (V g*g N, D)
//     --combine--> (V s N, D) --projector--> z (V s N, P) --predictor--> p (V s N, P)
//
// Source: method.md section 1 (the paper, section 3). Every view is a batch of its own for
// BatchNorm.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/network/micro_batches.hpp>
#include <triptych/network/outputs.hpp>
#include <triptych/network/patch_cutter.hpp>
#include <triptych/network/weights.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/nn/encoder.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>
#include <triptych/patches/combinator.hpp>
#include <triptych/update/backprop.hpp>
#include <triptych/update/copy.hpp>
#include <triptych/update/ema.hpp>

namespace triptych {

template <class B, class Update, class Patches = patches::whole,
          class Architecture = nn::architecture<>>
class network : public network_weights<B, Update> {
  static_assert(PatchCombinator<Patches>,
                "Patches must be a patch combinator; see docs/policies/patch_combinator.md");
  static_assert(Encoder<decltype(Architecture::encoder), B>,
                "an encoder has out, declare, forward and backward; see docs/policies/encoder.md");

 public:
  using real = typename B::real;
  using activation = typename B::activation;
  using network_weights<B, Update>::backend, network_weights<B, Update>::owns_gradients;

  network(B& b, Architecture architecture, Update update = {}, Patches patches = Patches())
      : network_weights<B, Update>(b, architecture, std::move(update)),
        architecture_(std::move(architecture)), patches_(std::move(patches)) {}

  [[nodiscard]] const Architecture& architecture() const { return architecture_; }

  /// Runs the chosen views of `images` (V' N, H, W, 3), groups = V'. Views are numbered from 0.
  outputs<real> forward(tensor<const real> images, std::span<const int> views,
                        const forward_options& options = {}) {
    const std::int64_t n = images.shape.images / images.shape.groups;
    const int ranks = ranks::count(backend()), parts = options.view_parts;
    if (n * ranks % parts != 0 || (parts % ranks != 0 && ranks % parts != 0)) {
      throw error::usage(
          "network: " + std::to_string(n * ranks) + " images of a view cannot be normalized in " +
          std::to_string(parts) + " equal parts" +
          (ranks == 1 ? "" : " on " + std::to_string(ranks) + " ranks") +
          (n * ranks % parts == 0 ? "; take as many ranks as `bn-splits`, or other parts"
                                  : "; choose a batch divisible by `bn-splits`"));
    }
    tape_.clear();
    view_parts_ = options.view_parts;
    if (architecture_.micro_batches > 1 && options.mode == nn::mode::train) {
      return forward_in_parts(images, views, options);
    }
    return forward(run(options), images, views, options.random);
  }

  /// The encoder alone, whole images, running statistics: features for evaluation.
  tensor<const real> embed(tensor<const real> images) {
    forward_options options;
    options.mode = nn::mode::evaluate;
    if constexpr (std::same_as<real, activation>) {
      return architecture_.encoder.forward(run(options), images);
    } else {
      const auto p = run(options);
      const auto x = p.take_activation(images.shape);
      backend().divide(images.shape, 1, images.data, x.data);
      return architecture_.encoder.forward(p, tensor<const activation>(x));
    }
  }

  /// Adds to the gradients those of the last recorded forward run.
  void backward(const output_gradients<real>& d) requires owns_gradients {
    if (part_rows_ > 0) return backward_in_parts(d);
    if (tape_.empty()) {
      throw error::usage("network: backward without a recorded forward; pass .record = true");
    }
    backward(run({.record = true, .view_parts = view_parts_}), d);
  }

 private:
  nn::pass<B> run(const forward_options& options) {
    return {backend(),
            this->weights(),
            this->statistics(),
            options.mode,
            options.record ? &tape_ : nullptr,
            nullptr,
            options.view_parts,
            architecture_.micro_batches};
  }

  outputs<real> forward(const nn::pass<B>& p, tensor<const real> images, std::span<const int> views,
                        random_stream random) {
    const auto x = patches_.divided(backend(), images, views);
    const auto h = architecture_.encoder.forward(p, x);
    outputs<real> out;
    out.embedding = patches_.combined(p, h, static_cast<int>(views.size()), random);
    out.projection = architecture_.projector.forward(p, out.embedding);
    out.prediction = architecture_.predictor.forward(p, out.projection);
    predicted_ = out.prediction.shape;
    return out;
  }

  void backward(nn::pass<B> p, const output_gradients<real>& d) requires owns_gradients {
    p.gradients = this->gradients();
    auto dp = d.prediction;
    if (dp.data == nullptr) {
      dp = p.take(predicted_);
      backend().fill(dp.data, dp.size(), real(0));
    }
    const auto dz = sum(d.projection, architecture_.predictor.backward(p, dp));
    const auto dcombined = sum(d.embedding, architecture_.projector.backward(p, dz));
    architecture_.encoder.backward(p, patches_.separated(p, dcombined));
  }

  // -- micro-batches: a part of every view at a time, forward without a record first, then, once the
  // -- loss of the whole batch is known, forward again and backward

  outputs<real> forward_in_parts(tensor<const real> images, std::span<const int> views,
                                 const forward_options& options) {
    const std::int64_t n = images.shape.images / images.shape.groups;
    const int parts = architecture_.micro_batches;
    if (n % parts != 0 || options.view_parts > 1) {
      throw error::usage("network: " + std::to_string(n) +
                         " images of a view cannot be worked off "
                         "in " +
                         std::to_string(parts) + " micro-batches" +
                         (options.view_parts > 1 ? " beside `bn-splits`" : "") +
                         "; choose a batch divisible by `micro-batches`, and no `bn-splits`");
    }
    const auto count = static_cast<int>(views.size());
    const auto rows = [&](int width) {
      const shape s = features(count * patches_.rows() * n, width, count);
      return tensor<real>{s, backend().arena().template take<real>(s.size())};
    };
    const auto embedding = rows(architecture_.encoder.out());
    const auto projection = rows(architecture_.projector.out());
    const auto prediction =
        architecture_.predictor.empty() ? projection : rows(architecture_.predictor.out());
    auto unrecorded = options;
    unrecorded.record = false;
    for (int part = 0; part < parts; ++part) {
      const arena_frame scope(backend().arena());
      const micro_batch which{n, parts, part};
      const auto out =
          forward(run(unrecorded), take_part(backend(), images, which), views, options.random);
      put_part(backend(), out.embedding, which, embedding);
      put_part(backend(), out.projection, which, projection);
      if (!architecture_.predictor.empty()) put_part(backend(), out.prediction, which, prediction);
    }
    part_rows_ = options.record ? n : 0;
    images_ = images;
    views_.assign(views.begin(), views.end());
    random_ = options.random;
    return {embedding, projection, prediction};
  }

  void backward_in_parts(const output_gradients<real>& d) requires owns_gradients {
    const std::int64_t n = std::exchange(part_rows_, 0);
    for (int part = 0; part < architecture_.micro_batches; ++part) {
      const arena_frame scope(backend().arena());
      const micro_batch which{n, architecture_.micro_batches, part};
      auto p = run({.record = true});
      p.statistics = nullptr;  // the first time has moved them
      tape_.clear();
      static_cast<void>(
          forward(p, take_part<B, const real>(backend(), images_, which), views_, random_));
      backward(p, {.embedding = take_part(backend(), d.embedding, which),
                   .projection = take_part(backend(), d.projection, which),
                   .prediction = take_part(backend(), d.prediction, which)});
    }
    tape_.clear();
  }

  /// Two gradients of the same rows, in the place of the second.
  tensor<real> sum(tensor<real> a, tensor<real> b) {
    if (a.data != nullptr) backend().add(a.data, b.size(), b.data);
    return b;
  }

  Architecture architecture_;
  patch_cutter<B, Patches> patches_;

  // Of the last forward run, for backward.
  std::int64_t part_rows_ = 0;  ///< images of a view, where it was recorded in parts ...
  tensor<const real> images_;   ///< ... and what it was of
  std::vector<int> views_;
  random_stream random_{0, stream::combine};
  nn::tape tape_;
  int view_parts_ = 1;
  shape predicted_;
};

}  // namespace triptych
