// triptych/method/nnclr.hpp
//
// NNCLR (Dwibedi, Aytar, Tompson, Sermanet, Zisserman, "With a little help from my friends", 2021),
// section 3.2 and its algorithm:
//
//   z1, z2, p1, p2 = online(x1), online(x2)          projections, and predictions from them
//   minimize 1/2 [ L(NN(z1), p2) + L(NN(z2), p1) ]   NN: the nearest in the queue, of z and not of p
//   enqueue z1
//
// The neighbors carry no gradient. Cost: 6 encoder forwards an image, and the look-up.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include <triptych/core/options.hpp>
#include <triptych/loss/info_nce.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class nnclr;

struct nnclr_options {
  static constexpr traits about{
      .name = "nnclr", .title = "NNCLR", .views = 2, .cost = 6, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = nnclr<B, Policies>;

  double temperature = 1.0;
  std::int64_t queue = 16384;

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const { return n; }

  template <class Visit>
  static void describe(Visit&& option) {
    option("temperature", &nnclr_options::temperature, allowed::positive, "of the losses");
    option("queue", &nnclr_options::queue, memory::queue_sizes, "projections in the queue");
  }

  static constexpr preset_value tuned[]{
      // lightly's CIFAR-10 benchmark
      {"batch", "128"},
      {"lr", "0.06"},
      {"weight-decay", "5e-4"},
      {"augment", "nnclr"},
      // solo-learn's CIFAR recipe; the queue is the paper's of the protocol
      {"head", "2048,2048,256"},
      {"predictor-hidden", "4096"},
      {"temperature", "0.2"},
      {"queue", "16384"},
  };
};

template <Backend B, class Policies = policies>
class nnclr : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;

  nnclr(B& backend, const architecture& layers, const nnclr_options& options, std::uint64_t seed,
        const policy_values<Policies>& values = {})
      : base(backend, nnclr_options::about), options_(options),
        online_(backend, layers, values.online_update),
        queue_(backend, options.queue, layers.projector.out()) {
    online_.initialize(seed);
    queue_.initialize(seed);
    this->keep_online(online_);
    this->keep(queue_);
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    watch.rows("view", std::array{1, 2}, x);

    const auto seen = online_.forward(x, std::array{0, 1}, {.record = true});
    watch.rows("z", std::array{1, 2}, seen.projection);
    watch.rows("p", std::array{1, 2}, seen.prediction);
    const auto z = normalized(backend, seen.projection);
    const unit_rows<B> p(backend, seen.prediction, 2);
    auto nearest = queue_.look_up(z);
    watch.indices("nn", std::array{1, 2}, z.shape.images, nearest.indices);

    const loss_values<B, 2> terms(backend);
    for (const int view : {0, 1}) {
      loss::info_nce{options_.temperature}(backend, view_of(nearest.neighbors, 2, 1 - view),
                                           p.view(view), 0.5, terms[view], p.gradient(view));
    }
    const step_report report =
        this->descend(online_, {.prediction = p.backward()}, x, options, terms);

    std::move(nearest).push(view_of(z, 2, 0));
    return report;
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    return std::log(static_cast<double>(n));
  }
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const override {
    return options_.pushed_rows(n);
  }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] memory::queue<B>& queue() { return queue_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = (t[0] + t[1]) / 2, .terms = {t[0], t[1]}};
  }

 private:
  nnclr_options options_;
  online_type online_;
  memory::queue<B> queue_;
};

}  // namespace triptych::method
