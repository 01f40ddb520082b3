// triptych/method/swav.hpp
//
// SwAV (Caron, Misra, Mairal, Goyal, Bojanowski, Joulin, "Unsupervised learning of visual features
// by contrasting cluster assignments", 2020), algorithm 1, with two views of one size:
//
//   z1, z2   = online(x1), online(x2)                    encoder and projector, then length 1
//   s1, s2   = z1 c^T, z2 c^T                            c: K prototypes of length 1, which learn
//   q1, q2   = codes of z1, z2                           Sinkhorn's, no gradient (loss/sinkhorn.hpp)
//   minimize   1/2 [ L(q2, s1) + L(q1, s2) ]             L(q, s) = - sum_k q log softmax(s / t)
//   enqueue z1 and z2, if there is a queue               its rows share in the next codes
//
// then the prototypes have length 1 again. At first they rest. Cost: 6 encoder forwards an image.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/options.hpp>
#include <triptych/loss/sinkhorn.hpp>
#include <triptych/loss/soft_cross_entropy.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class swav;

struct swav_options {
  static constexpr traits about{
      .name = "swav", .title = "SwAV", .views = 2, .cost = 6, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = swav<B, Policies>;
  template <class T>
  using launches =
      decltype(loss::sinkhorn::launches<T>() + loss::soft_cross_entropy::launches<T>());

  double temperature = 0.1;
  int prototypes = 3000;  ///< K
  double sinkhorn_epsilon = 0.05;
  int sinkhorn_iterations = 3;
  std::int64_t freeze_prototypes = 313;  ///< steps; the authors' epoch
  std::int64_t queue = 0;                ///< 0: none

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const { return queue > 0 ? 2 * n : 0; }

  template <class Visit>
  static void describe(Visit&& option) {
    using o = swav_options;
    option("temperature", &o::temperature, allowed::positive, "of the losses");
    option("prototypes", &o::prototypes, allowed::range{2, 1 << 24},
           "vectors that rows are assigned to");
    option("sinkhorn-epsilon", &o::sinkhorn_epsilon, allowed::positive, "how soft codes are");
    option("sinkhorn-iterations", &o::sinkhorn_iterations, allowed::range{1, 1000}, "of the codes");
    option("freeze-prototypes", &o::freeze_prototypes, allowed::at_least(0),
           "steps in which prototypes rest");
    option("queue", &o::queue, allowed::range{0, memory::queue_sizes.high},
           "projections that share in codes; 0 = none");
  }

  static constexpr preset_value tuned[]{
      // SGD of lightly's CIFAR-10 benchmark; the rest is solo-learn's CIFAR recipe of SwAV, which
      // freezes for two epochs
      {"batch", "128"},       {"lr", "0.06"},          {"weight-decay", "5e-4"},
      {"head", "2048,128"},   {"head-norm", "hidden"}, {"temperature", "0.1"},
      {"prototypes", "3000"}, {"queue", "3840"},       {"freeze-prototypes", "780"},
      {"augment", "simclr"},
  };
};

template <Backend B, class Policies = policies>
class swav : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;

  swav(B& backend, const architecture& layers, const swav_options& options, std::uint64_t seed,
       const policy_values<Policies>& values = {})
      : base(backend, swav_options::about), options_(options),
        online_(
            backend,
            layers.with_predictor(nn::mlp::prototypes(layers.projector.out(), options.prototypes)),
            values.online_update) {
    online_.initialize(seed);
    normalize_prototypes();
    this->keep_online(online_);
    if (options.queue > 0) {
      queue_.emplace(backend, options.queue, layers.projector.out());
      queue_->initialize(seed);
      this->keep(*queue_);
    }
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    watch.rows("view", std::array{1, 2}, x);

    const auto seen = online_.forward(x, std::array{0, 1}, {.record = true});
    watch.rows("z", std::array{1, 2}, seen.projection);
    const auto scores = seen.prediction;
    watch.rows("p", std::array{1, 2}, scores);
    const auto z = normalized(backend, seen.projection);
    const auto codes = codes_of(z, scores.shape);
    watch.rows("code", std::array{1, 2}, codes);

    const tensor<real> d{scores.shape, backend.arena().template take<real>(scores.size())};
    backend.fill(d.data, d.size(), real(0));
    const loss_values<B, 2> terms(backend);
    for (const int view : {0, 1}) {
      loss::soft_cross_entropy{options_.temperature}(backend, view_of(codes, 2, 1 - view),
                                                     view_of(scores, 2, view), 0.5, terms[view],
                                                     view_of(d, 2, view).data);
    }
    step_options plan = options;
    if (options.step < options_.freeze_prototypes) plan.predictor_learning_rate = 0;
    const step_report report = this->descend(online_, {.prediction = d}, x, plan, terms);

    normalize_prototypes();
    if (queue_) queue_->look().push(z);
    return report;
  }

  /// All prototypes are about as near.
  [[nodiscard]] double expected_initial_loss(std::int64_t /*n*/) const override {
    return std::log(static_cast<double>(options_.prototypes));
  }
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const override {
    return options_.pushed_rows(n);
  }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = (t[0] + t[1]) / 2, .terms = {t[0], t[1]}};
  }

 private:
  /// c (K, P), the weight of what stands where others have a predictor.
  [[nodiscard]] tensor<real> prototypes() {
    const nn::parameter& last = *std::prev(online_.weight_list().end());
    return {features(options_.prototypes, online_.architecture().projector.out()),
            online_.weights() + last.offset};
  }

  void normalize_prototypes() {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    const tensor<real> c = prototypes();
    backend.commit(normalized<B>(backend, c).data, c.size(), c.data);
  }

  /// The codes (2 N, K) of both views, each beside the queue. Before that is full its rows are
  /// there, for the memory that they take, and have no part.
  tensor<const real> codes_of(tensor<const real> own, const shape& s) {
    B& backend = this->backend();
    auto& arena = backend.arena();
    const tensor<real> codes{s, arena.template take<real>(s.size())};
    const arena_frame scope(arena);
    const auto z = ranks::gathered(backend, own);  // every rank divides up the whole batch
    const std::int64_t past = queue_ ? queue_->size() : 0, n = z.shape.images / 2;
    const shape of_view = features(n, s.channels);
    const tensor<real> all_codes{of_view, arena.template take<real>(of_view.size())};
    const bool full = queue_ && queue_->pushed() >= past;
    const shape all = features(past + n, z.shape.channels);
    const tensor<real> rows{all, arena.template take<real>(all.size())};
    if (queue_) backend.copy(queue_->data(), queue_->numbers(), rows.data);
    for (const int view : {0, 1}) {
      const auto now = view_of(z, 2, view);
      backend.copy(now.data, now.size(), rows.images(past, n).data);
      loss::sinkhorn{options_.sinkhorn_epsilon, options_.sinkhorn_iterations}(
          backend, rows, prototypes(), full ? 0 : past, all_codes);
      const auto here = ranks::own_rows(backend, all_codes);
      backend.copy(here.data, here.size(), view_of(codes, 2, view).data);
    }
    return codes;
  }

  swav_options options_;
  online_type online_;
  std::optional<memory::queue<B>> queue_;
};

}  // namespace triptych::method
