// triptych/method/moco.hpp
//
// MoCo v2 (He et al., "Momentum contrast", 2020, algorithm 1; Chen et al., "Improved baselines with
// momentum contrastive learning", 2020):
//
//   q1       = online(x1)                            encoder and projector, no predictor
//   k2       = momentum(x2)                          no gradient
//   minimize   -log softmax([q1 . k2, q1 . queue] / t), the key's own column first
//   enqueue k2, then the momentum network moves after the online one
//
// Symmetric: also q2 with k1, the mean of both directions against one snapshot of the queue, and
// both views' keys enqueued. A key is never its own negative: nothing enters the queue before the
// losses.
//
// BatchNorm would give positives away, for it makes every image of a batch depend on all others.
// Many devices hide that by normalizing parts of a batch apart and shuffling the keys between them;
// on one device `bn_splits` and `shuffle` do the same in both networks (as the authors' CIFAR-10
// demo). Cost: 4 encoder forwards an image, symmetric 8.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/options.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/shuffle.hpp>
#include <triptych/loss/dictionary_info_nce.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class moco;

struct moco_options {
  static constexpr traits about{
      .name = "moco", .title = "MoCo v2", .views = 2, .cost = 4, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = moco<B, Policies>;

  double temperature = 1.0;
  std::int64_t queue = 16384;
  bool symmetric = false;
  int bn_splits = 1;    ///< parts of a view that BatchNorm takes apart
  bool shuffle = true;  ///< keys between those parts; without parts it changes nothing

  /// What is known of the method with these options.
  [[nodiscard]] traits described() const {
    traits t = about;
    if (symmetric) {
      t.cost *= 2;
    } else {
      t.terms = {"1"};
    }
    return t;
  }

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const { return symmetric ? 2 * n : n; }

  template <class Visit>
  static void describe(Visit&& option) {
    option("temperature", &moco_options::temperature, allowed::positive, "of the losses");
    option("queue", &moco_options::queue, memory::queue_sizes, "projections in the queue");
    option("symmetric", &moco_options::symmetric, "both views ask, or the first alone");
    option("bn-splits", &moco_options::bn_splits, allowed::range{1, 1 << 16},
           "parts of a batch with BatchNorm statistics of their own, keys shuffled between them");
  }

  static constexpr preset_value tuned[]{
      // the CIFAR-10 notebook of MoCo's authors
      {"batch", "512"},      {"lr", "0.06"},     {"weight-decay", "5e-4"}, {"head", "512,128"},
      {"head-norm", "none"}, {"queue", "4096"},  {"temperature", "0.1"},   {"momentum-m", "0.99"},
      {"symmetric", "off"},  {"bn-splits", "8"}, {"augment", "moco"},
  };
};

template <Backend B, class Policies = policies>
class moco : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;

  moco(B& backend, const architecture& layers, const moco_options& options, std::uint64_t seed,
       const policy_values<Policies>& values = {})
      : base(backend, options.described()), options_(options),
        online_(backend, layers.without_predictor(), values.online_update),
        momentum_(backend, layers.without_predictor(), values.momentum_update),
        queue_(backend, options.queue, layers.projector.out()) {
    online_.initialize(seed);
    momentum_.copy_weights(online_);
    queue_.initialize(seed);
    this->keep_online(online_);
    this->keep("momentum.", momentum_);
    this->keep(queue_);
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    watch.rows("view", names, x);

    // View 1 asks and view 2 answers; symmetric, both do both.
    const int directions = this->directions();
    const auto views = static_cast<std::size_t>(directions);
    const auto asks = [&](std::span<const int> both) { return both.first(views); };
    const auto answers = [&](std::span<const int> both) { return both.last(views); };

    const auto k = encoded_keys(x, answers(places), options, watch);
    watch.rows("z", answers(names), k);
    const auto z = normalized(backend, k);
    const auto q =
        online_.forward(x, asks(places), {.record = true, .view_parts = parts()}).projection;
    watch.rows("q", asks(names), q);
    const unit_rows<B> unit_q(backend, q, directions);

    auto queue = queue_.look();
    const loss_values<B, 2> terms(backend);
    for (int view = 0; view < directions; ++view) {
      loss::dictionary_info_nce{options_.temperature}(
          backend, view_of(z, directions, directions - 1 - view), queue.rows, unit_q.view(view),
          1.0 / directions, terms[view], unit_q.gradient(view));
    }
    const step_report report =
        this->descend(online_, {.prediction = unit_q.backward()}, x, options, terms);

    std::move(queue).push(z);
    momentum_.update(online_, options.step);
    return report;
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t /*n*/) const override {
    return std::log(static_cast<double>(options_.queue + 1));
  }
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const override {
    return options_.pushed_rows(n);
  }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] momentum_type& momentum() { return momentum_; }
  [[nodiscard]] memory::queue<B>& queue() { return queue_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = (t[0] + t[1]) / directions(), .terms = {t[0], t[1]}};
  }

 private:
  static constexpr std::array places{0, 1}, names{1, 2};  // of the views

  [[nodiscard]] int directions() const { return options_.symmetric ? 2 : 1; }
  [[nodiscard]] int parts() const { return options_.bn_splits; }

  /// The momentum network's projections of the chosen views, which it saw in another order.
  tensor<const real> encoded_keys(tensor<const real> x, std::span<const int> views,
                                  const step_options& options, const trace<real>& watch) {
    if (!options_.shuffle || parts() == 1) {
      return momentum_.forward(x, views, {.view_parts = parts()}).projection;
    }
    const std::int64_t n = x.shape.images / x.shape.groups * ranks::count(this->backend());
    there_.resize(static_cast<std::size_t>(n));
    back_.resize(there_.size());
    shuffle(std::span(there_),
            {options.seed, stream::shuffle_keys, static_cast<std::uint32_t>(options.step)});
    for (std::size_t i = 0; i < there_.size(); ++i) {
      back_[static_cast<std::size_t>(there_[i])] = static_cast<int>(i);
    }
    const auto images = reordered(x, there_, watch);
    const auto k = momentum_.forward(images, views, {.view_parts = parts()}).projection;
    return reordered(k, back_, {});
  }

  /// Row i of every view, of all ranks, becomes its row order[i].
  tensor<const real> reordered(tensor<const real> rows, const std::vector<int>& order,
                               const trace<real>& watch) {
    B& backend = this->backend();
    auto& arena = backend.arena();
    const int views = rows.shape.groups;
    const std::int64_t n = rows.shape.images / views;
    const auto mine = std::span(order).subspan(static_cast<std::size_t>(n * ranks::own(backend)),
                                               static_cast<std::size_t>(n));
    int* indices = arena.template take<int>(mine.size());
    backend.upload_indices(mine.data(), mine.size(), indices);
    const auto all = ranks::gathered(backend, rows);
    const tensor<real> moved{rows.shape, arena.template take<real>(rows.size())};
    for (int v = 0; v < views; ++v) {
      watch.indices("shuffle", std::span(names).subspan(static_cast<std::size_t>(v), 1), n,
                    indices);
      const auto from = view_of(all, views, v);
      backend.gather_rows(from.data, indices, n, static_cast<int>(from.size() / order.size()),
                          view_of(moved, views, v).data);
    }
    return moved;
  }

  moco_options options_;
  online_type online_;
  momentum_type momentum_;
  memory::queue<B> queue_;
  std::vector<int> there_, back_;  // the keys' order in this step, and its inverse
};

}  // namespace triptych::method
