// triptych/method/msf.hpp
//
// Mean shift (Koohpayegani, Tejankar, Pirsiavash, "Mean shift for self-supervised learning", 2021),
// section 3:
//
//   z1       = momentum(x1)                                 no gradient
//   p2       = online(x2)                                   encoder, projector and predictor
//   t1 ... tk: z1 itself and its k - 1 nearest in the memory
//   minimize   1/k sum_j (2 - 2 cos(p2, tj))                that is 2 - 2 p2 . mean_j tj
//   enqueue z1, then the momentum network moves after the online one
//
// With k = 1 it is one direction of BYOL. Cost: 4 encoder forwards an image, and the look-up.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <triptych/core/error.hpp>
#include <triptych/core/options.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/loss/negative_cosine.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class msf;

struct msf_options {
  static constexpr traits about{
      .name = "msf", .title = "Mean shift", .views = 2, .cost = 4, .terms = {}};
  template <class B, class Policies = policies>
  using method = msf<B, Policies>;
  template <class T>
  using launches = kernels::launch_list<memory::struck_out<T>>;

  std::int64_t queue = 16384;
  int neighbors = 5;  ///< k

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const { return n; }

  template <class Visit>
  static void describe(Visit&& option) {
    option("queue", &msf_options::queue, memory::queue_sizes, "projections in the queue");
    option("neighbors", &msf_options::neighbors, allowed::range{1, 1000},
           "targets of an image, its own projection among them");
  }

  static constexpr preset_value tuned[]{
      // the authors' code, for ImageNet and batch 256: they give none for CIFAR, whose images their
      // memory, 128000 and more, exceeds: the queue is mncl's
      {"batch", "256"},           {"lr", "0.05"},          {"weight-decay", "1e-4"},
      {"head", "1024,128"},       {"head-norm", "hidden"}, {"predictor-hidden", "1024"},
      {"neighbors", "5"},         {"momentum-m", "0.99"},  {"queue", "4096"},
      {"augment", "weak_strong"},
  };
};

template <Backend B, class Policies = policies>
class msf : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;

  msf(B& backend, const architecture& layers, const msf_options& options, std::uint64_t seed,
      const policy_values<Policies>& values = {})
      : base(backend, msf_options::about), options_(options),
        online_(backend, layers, values.online_update),
        momentum_(backend, layers.without_predictor(), values.momentum_update),
        queue_(backend, options.queue, layers.projector.out()) {
    if (options.neighbors - 1 > options.queue) {
      throw error::usage("msf: " + std::to_string(options.neighbors) +
                         " targets of an image are more than its own projection and the " +
                         std::to_string(options.queue) +
                         " of the queue; lower `neighbors` or raise `queue`");
    }
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
    watch.rows("view", std::array{1, 2}, x);

    const auto target = momentum_.forward(x, std::array{0}).projection;
    watch.rows("z", std::array{1}, target);
    const auto z = normalized(backend, target);
    const auto prediction = online_.forward(x, std::array{1}, {.record = true}).prediction;
    watch.rows("p", std::array{2}, prediction);
    const unit_rows<B> p(backend, prediction, 1);

    // The mean of each image's targets.
    const tensor<real> mean{z.shape, backend.arena().template take<real>(z.size())};
    const int others = options_.neighbors - 1;
    backend.copy(z.data, z.size(), mean.data);
    auto memory = others > 0 ? queue_.look_up(z, others) : queue_.look();
    if (others > 0) {
      watch.indices("nn", std::array{1}, others * z.shape.images, memory.indices);
      for (int rank = 0; rank < others; ++rank) {
        backend.add(view_of(memory.neighbors, others, rank).data, mean.size(), mean.data);
      }
      backend.scale(real(1) / static_cast<real>(options_.neighbors), mean.size(), mean.data);
    }

    const loss_values<B, 1> cosine(backend);  // 2 - 2 cos is 2 + 2 L
    loss::negative_cosine{}(backend, mean, p.view(0), 2.0, cosine[0], p.gradient(0));
    const step_report report =
        this->descend(online_, {.prediction = p.backward()}, x, options, cosine);

    std::move(memory).push(z);
    momentum_.update(online_, options.step);
    return report;
  }

  /// Unrelated directions are orthogonal.
  [[nodiscard]] double expected_initial_loss(std::int64_t /*n*/) const override { return 2; }
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const override {
    return options_.pushed_rows(n);
  }

 protected:
  [[nodiscard]] step_report reported(const loss_list& cosine) const override {
    return {.loss = 2 + 2 * cosine[0], .terms = {}};
  }

 private:
  msf_options options_;
  online_type online_;
  momentum_type momentum_;
  memory::queue<B> queue_;
};

}  // namespace triptych::method
