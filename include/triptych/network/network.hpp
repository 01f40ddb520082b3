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

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/nn/encoder.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/pass.hpp>
#include <triptych/patches/combinator.hpp>
#include <triptych/update/backprop.hpp>
#include <triptych/update/copy.hpp>
#include <triptych/update/ema.hpp>
#include <triptych/update/policy.hpp>

namespace triptych {

/// What a forward run leaves in the arena, until the caller's frame ends.
template <class T>
struct outputs {
  tensor<const T> embedding;   ///< (V s N, D), combined
  tensor<const T> projection;  ///< z (V s N, P)
  tensor<const T> prediction;  ///< p (V s N, P); z itself without a predictor
};

/// d(loss)/d(outputs), for backward, which writes over them; empty where a loss does not look.
template <class T>
struct output_gradients {
  tensor<T> embedding{}, projection{}, prediction{};
};

/// What may differ from one forward run to the next.
struct forward_options {
  bool record = false;  ///< keep what backward needs
  nn::mode mode = nn::mode::train;
  random_stream random{0, stream::combine};  ///< for combinators that draw
  int view_parts = 1;  ///< BatchNorm takes a view in so many equal parts (MoCo's split BatchNorm)
};

template <class B, class Update, class Patches = patches::whole,
          class Architecture = nn::architecture<>>
class network {
  static_assert(Backend<B>, "B must be a backend; see docs/policies/backend.md");
  static_assert(WeightUpdate<Update>,
                "Update must be a weight-update policy; see docs/policies/weight_update.md");
  static_assert(PatchCombinator<Patches>,
                "Patches must be a patch combinator; see docs/policies/patch_combinator.md");
  static_assert(Encoder<decltype(Architecture::encoder), B>,
                "an encoder has out, declare, forward and backward; see docs/policies/encoder.md");
  static_assert(DescentUpdate<Update, B>,
                "an update from the gradient has an `optimizer` and a bound `clip_norm`; see "
                "docs/policies/weight_update.md");
  static_assert(Update::from != update::source::peer || PeerUpdate<Update, B>,
                "an update from a peer is called as update(backend, peer, n, own, step); see "
                "docs/policies/weight_update.md");

 public:
  using backend_type = B;
  using real = typename B::real;
  using activation = typename B::activation;
  using allocator = typename B::allocator;

  static constexpr bool owns_weights = Update::from != update::source::alias;
  static constexpr bool owns_gradients = Update::from == update::source::gradient;

  network(B& backend, Architecture architecture, Update update = {}, Patches patches = Patches())
      : backend_(&backend), architecture_(std::move(architecture)), update_(std::move(update)),
        patches_(std::move(patches)) {
    nn::declaration d;
    predictor_begin_ = architecture_.declare(d);
    weight_list_ = std::move(d.weights);
    statistic_list_ = std::move(d.statistics);
    statistics_ = zeros(statistic_list_.size(), "running statistics");
    restart_statistics();
    if constexpr (owns_weights) weights_ = zeros(weight_list_.size(), "weights");
    if constexpr (owns_gradients) {
      gradients_ = zeros(weight_list_.size(), "gradients of the weights");
      for (std::size_t i = 0; i < update::optimizer::state_names(update_.optimizer).size(); ++i) {
        state_arrays_.push_back(zeros(weight_list_.size(), "the optimizer's state"));
        optimizer_state_.push_back(state_arrays_.back().data());
      }
    }
  }

  // -- weights ----------------------------------------------------------------------------------

  /// Fresh weights from a seed (method.md section 1: He for convolutions, PyTorch's for linear).
  void initialize(std::uint64_t seed) requires owns_weights {
    const auto values = nn::initial_values<real>(weight_list_, seed);
    backend_->upload(values.data(), values.size(), weights_.data());
  }

  /// The weights of a peer whose arena begins with this network's tensors.
  template <class Peer>
  void copy_weights(const Peer& peer) requires owns_weights {
    expect_prefix(peer);
    backend_->copy(peer.weights(), weight_list_.size(), weights_.data());
  }

  /// Reads its weights from `peer` from now on; the peer must outlive this network.
  template <class Peer>
  void alias(const Peer& peer) requires(!owns_weights) {
    expect_prefix(peer);
    peer_weights_ = peer.weights();
  }

  /// Keeps its running statistics in `peer`'s instead of its own (the `released` variant).
  template <class Peer>
  void share_statistics(Peer& peer) {
    shared_statistics_ = peer.statistics();
  }

  [[nodiscard]] const real* weights() const {
    if constexpr (owns_weights) return weights_.data();
    return peer_weights_;
  }
  [[nodiscard]] real* weights() requires owns_weights { return weights_.data(); }
  [[nodiscard]] real* gradients() requires owns_gradients { return gradients_.data(); }
  /// The optimizer's arrays, in the order of state_names(optimizer), each as long as the weights.
  [[nodiscard]] update::optimizer::state_of<B> optimizer_state() requires owns_gradients {
    return optimizer_state_;
  }
  [[nodiscard]] real* statistics() {
    return shared_statistics_ != nullptr ? shared_statistics_ : statistics_.data();
  }
  [[nodiscard]] bool shares_statistics() const { return shared_statistics_ != nullptr; }

  [[nodiscard]] const nn::parameter_list& weight_list() const { return weight_list_; }
  [[nodiscard]] const nn::parameter_list& statistic_list() const { return statistic_list_; }
  [[nodiscard]] std::size_t predictor_begin() const { return predictor_begin_; }
  [[nodiscard]] const Architecture& architecture() const { return architecture_; }
  [[nodiscard]] const Update& update_policy() const { return update_; }
  [[nodiscard]] B& backend() const { return *backend_; }

  // -- forward and backward ---------------------------------------------------------------------

  /// Runs the chosen views of `images` (V' N, H, W, 3), groups = V'. Views are numbered from 0.
  outputs<real> forward(tensor<const real> images, std::span<const int> views,
                        const forward_options& options = {}) {
    const std::int64_t n = images.shape.images / images.shape.groups;
    const int ranks = ranks::count(*backend_), parts = options.view_parts;
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
      backend_->divide(images.shape, 1, images.data, x.data);
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

  void zero_gradients() requires owns_gradients {
    backend_->fill(gradients_.data(), gradients_.size(), real(0));
  }

  // -- update -----------------------------------------------------------------------------------

  /// One step of the optimizer, number `step` of the run, counted from 0. Layers whose rate is 0
  /// rest: neither weights nor the optimizer's state change. The gradient's norm before clipping,
  /// theirs too, goes to `norm`, one number in backend memory; where it is not finite the gate
  /// closes and no weight moves.
  void update(double learning_rate, double predictor_learning_rate, std::int64_t step,
              real* norm) requires owns_gradients {
    const arena_frame scope(backend_->arena());
    real* const scale = backend_->arena().template take<real>(1);
    backend_->norm(gradients_.data(), gradients_.size(), norm);
    backend_->close_gate_unless_finite(norm, 1);
    backend_->clip(update_.clip_norm, norm, scale);
    using group_type = update::optimizer::parameter_group;
    for (const auto& group :
         {group_type{0, predictor_begin_, learning_rate, step},
          group_type{predictor_begin_, weight_list_.size(), predictor_learning_rate, step}}) {
      if (group.begin == group.end || group.learning_rate == 0) continue;
      update_.optimizer.step(*backend_, weight_list_, group, static_cast<const real*>(scale),
                             static_cast<const real*>(gradients_.data()), optimizer_state(),
                             weights_.data());
    }
  }

  /// What is thrown for a gradient that is not finite: names a tensor.
  [[nodiscard]] error gradient_error() const {
    return error::non_finite("the gradient of " +
                             first_non_finite(weight_list_, gradients_.data(), "some tensor") +
                             " is not finite; check the input, or resume from the last checkpoint "
                             "with a lower `lr`");
  }

  /// Moves the weights after those of a peer.
  template <class Peer>
  void update(const Peer& peer, std::int64_t step) requires(Update::from == update::source::peer) {
    expect_prefix(peer);
    update_(*backend_, peer.weights(), weight_list_.size(), weights_.data(), step);
  }

  /// The first tensor of `list` in `arena` that holds NaN or infinity; `otherwise` if none does.
  [[nodiscard]] std::string first_non_finite(const nn::parameter_list& list, const real* arena,
                                             const std::string& otherwise) const {
    for (const auto& p : list) {
      if (!backend_->all_finite(arena + p.offset, p.size())) return p.name;
    }
    return otherwise;
  }

 private:
  using array = buffer<real, allocator>;

  [[nodiscard]] array zeros(std::size_t n, const char* purpose) const {
    array a(n, purpose);
    backend_->fill(a.data(), n, real(0));
    return a;
  }

  void restart_statistics() {
    const auto values = nn::initial_values<real>(statistic_list_, 0);
    backend_->upload(values.data(), values.size(), statistics_.data());
  }

  nn::pass<B> run(const forward_options& options) {
    return {*backend_,
            weights(),
            statistics(),
            options.mode,
            options.record ? &tape_ : nullptr,
            nullptr,
            options.view_parts,
            architecture_.micro_batches};
  }

  outputs<real> forward(const nn::pass<B>& p, tensor<const real> images, std::span<const int> views,
                        random_stream random) {
    const auto x = divided(images, views);
    const auto h = architecture_.encoder.forward(p, x);
    outputs<real> out;
    out.embedding = combined(p, h, static_cast<int>(views.size()), random);
    out.projection = architecture_.projector.forward(p, out.embedding);
    out.prediction = architecture_.predictor.forward(p, out.projection);
    predicted_ = out.prediction.shape;
    return out;
  }

  void backward(nn::pass<B> p, const output_gradients<real>& d) requires owns_gradients {
    p.gradients = gradients_.data();
    auto dp = d.prediction;
    if (dp.data == nullptr) {
      dp = p.take(predicted_);
      backend_->fill(dp.data, dp.size(), real(0));
    }
    const auto dz = sum(d.projection, architecture_.predictor.backward(p, dp));
    const auto dcombined = sum(d.embedding, architecture_.projector.backward(p, dz));
    architecture_.encoder.backward(p, separated(p, dcombined));
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
    const int subsets = patches_.side() == 1 ? 1 : patches_.combinations();
    const auto rows = [&](int width) {
      const shape s = features(count * subsets * n, width, count);
      return tensor<real>{s, backend_->arena().template take<real>(s.size())};
    };
    const auto embedding = rows(architecture_.encoder.out());
    const auto projection = rows(architecture_.projector.out());
    const auto prediction =
        architecture_.predictor.empty() ? projection : rows(architecture_.predictor.out());
    auto unrecorded = options;
    unrecorded.record = false;
    for (int part = 0; part < parts; ++part) {
      const arena_frame scope(backend_->arena());
      const auto out = forward(run(unrecorded), part_of(images, n, part), views, options.random);
      put(out.embedding, n, part, embedding);
      put(out.projection, n, part, projection);
      if (!architecture_.predictor.empty()) put(out.prediction, n, part, prediction);
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
      const arena_frame scope(backend_->arena());
      auto p = run({.record = true});
      p.statistics = nullptr;  // the first time has moved them
      tape_.clear();
      static_cast<void>(forward(p, part_of(images_, n, part), views_, random_));
      backward(p, {.embedding = part_of(d.embedding, n, part),
                   .projection = part_of(d.projection, n, part),
                   .prediction = part_of(d.prediction, n, part)});
    }
    tape_.clear();
  }

  /// A part of every run of n rows, copied; nothing of nothing.
  template <class T>
  tensor<T> part_of(tensor<T> rows, std::int64_t n, int part) {
    if (rows.data == nullptr) return {};
    const std::int64_t each = n / architecture_.micro_batches, runs = rows.shape.images / n;
    shape s = rows.shape;
    s.images = runs * each;
    real* const copy = backend_->arena().template take<real>(s.size());
    for (std::int64_t run = 0; run < runs; ++run) {
      const auto from = rows.images(run * n + part * each, each);
      backend_->copy(from.data, from.size(), copy + static_cast<std::size_t>(run) * from.size());
    }
    return {s, copy};
  }

  /// And back, into the same places of `all`.
  void put(tensor<const real> rows, std::int64_t n, int part, tensor<real> all) {
    const std::int64_t each = n / architecture_.micro_batches, runs = all.shape.images / n;
    for (std::int64_t run = 0; run < runs; ++run) {
      const auto from = rows.images(run * each, each);
      backend_->copy(from.data, from.size(), all.images(run * n + part * each, each).data);
    }
  }

  template <class Peer>
  void expect_prefix(const Peer& peer) const {
    const auto matches = [](const nn::parameter& a, const nn::parameter& b) {
      return a.name == b.name && a.shape == b.shape && a.offset == b.offset;
    };
    if (peer.weight_list().tensors() < weight_list_.tensors() ||
        !std::equal(weight_list_.begin(), weight_list_.end(), peer.weight_list().begin(),
                    matches)) {
      throw error::usage("network: the peer's weights do not begin with this network's; build both "
                         "from one architecture");
    }
  }

  /// The chosen views as a map: as they lie if they are adjacent whole images and a map's numbers
  /// are those of images, else copied or cut.
  tensor<const activation> divided(tensor<const real> images, std::span<const int> views) {
    const int side = patches_.side();
    const std::int64_t n = images.shape.images / images.shape.groups;
    if (images.shape.height % side != 0 || images.shape.width % side != 0) {
      throw error::usage("network: images " + to_string(images.shape) + " cannot be cut " +
                         std::to_string(side) + " x " + std::to_string(side) +
                         "; choose an image size divisible by the grid");
    }
    const auto count = static_cast<int>(views.size());
    for (const int v : views) {
      if (v >= 0 && v < images.shape.groups) continue;
      throw error::usage("network: view " + std::to_string(v + 1) + " of images " +
                         to_string(images.shape) + " in " + std::to_string(images.shape.groups) +
                         " groups; give all views one after another, and groups = their number");
    }
    if constexpr (std::same_as<real, activation>) {
      const bool adjacent = std::adjacent_find(views.begin(), views.end(), [](int a, int b) {
                              return b != a + 1;
                            }) == views.end();
      if (side == 1 && adjacent) {
        auto x = images.images(views.front() * n, count * n);
        x.shape.groups = count;
        return x;
      }
    }
    const shape one{n, images.shape.height, images.shape.width, images.shape.channels};
    shape all{n * side * side * count, one.height / side, one.width / side, one.channels, count};
    tensor<activation> x{all, backend_->arena().template take<activation>(all.size())};
    for (int v = 0; v < count; ++v) {
      backend_->divide(one, side, images.images(views[static_cast<std::size_t>(v)] * n, n).data,
                       x.data + static_cast<std::size_t>(v) * one.size());
    }
    return x;
  }

  tensor<const real> combined(const nn::pass<B>& p, tensor<const real> h, int views,
                              random_stream random) {
    const int cut = patches_.side() * patches_.side();
    if (cut == 1) return h;
    patches_.subsets(views, random, subsets_);
    means_ = {views,
              cut,
              patches_.combinations(),
              patches_.size(),
              h.shape.images / (views * cut),
              h.shape.channels,
              subsets_.data()};
    const auto means =
        p.take(features(means_.images * views * means_.combinations, h.shape.channels, views));
    backend_->combine_forward(means_, h.data, means.data);
    return means;
  }

  /// Two gradients of the same rows, in the place of the second.
  tensor<real> sum(tensor<real> a, tensor<real> b) {
    if (a.data != nullptr) backend_->add(a.data, b.size(), b.data);
    return b;
  }

  tensor<real> separated(const nn::pass<B>& p, tensor<real> dmeans) {
    if (patches_.side() == 1) return dmeans;
    const auto dh = p.take(
        features(means_.images * means_.groups * means_.patches, means_.channels, means_.groups));
    backend_->combine_backward(means_, dmeans.data, dh.data);
    return dh;
  }

  B* backend_;
  Architecture architecture_;
  Update update_;
  Patches patches_;
  nn::parameter_list weight_list_, statistic_list_;
  std::size_t predictor_begin_ = 0;
  array weights_, gradients_, statistics_;
  std::vector<array> state_arrays_;
  std::vector<real*> optimizer_state_;  ///< where they are
  const real* peer_weights_ = nullptr;
  real* shared_statistics_ = nullptr;

  // Of the last forward run, for backward.
  std::int64_t part_rows_ = 0;  ///< images of a view, where it was recorded in parts ...
  tensor<const real> images_;   ///< ... and what it was of
  std::vector<int> views_;
  random_stream random_{0, stream::combine};
  nn::tape tape_;
  int view_parts_ = 1;
  shape predicted_;
  subset_means means_;
  std::vector<int> subsets_;
};

}  // namespace triptych
