// triptych/method/moco_v3.hpp
//
// MoCo v3 (Chen, Xie, He, "An empirical study of training self-supervised vision transformers",
// 2021), algorithm 1, here over a ResNet as in its section 3:
//
//   q1, q2   = online(x1), online(x2)                encoder, projector and predictor
//   k1, k2   = momentum(x1), momentum(x2)            encoder and projector, no gradient
//   minimize   ctr(q1, k2) + ctr(q2, k1)             a sum of both directions
//   ctr(q, k) = 2 t mean -log softmax([q . k of this batch] / t), an image's own key the label
//
// then the momentum network moves after the online one. The factor 2 t keeps the gradient's size
// when the temperature t changes. Cost: 8 encoder forwards an image.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <triptych/core/options.hpp>
#include <triptych/loss/info_nce.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class moco_v3;

struct moco_v3_options {
  static constexpr traits about{
      .name = "moco_v3", .title = "MoCo v3", .views = 2, .cost = 8, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = moco_v3<B, Policies>;

  double temperature = 1.0;

  template <class Visit>
  static void describe(Visit&& option) {
    option("temperature", &moco_v3_options::temperature, allowed::positive, "of the losses");
  }

  static constexpr preset_value tuned[]{
      // SGD of lightly's CIFAR-10 benchmark; the rest is solo-learn's CIFAR recipe of MoCo v3
      {"batch", "128"},       {"lr", "0.06"},         {"weight-decay", "5e-4"},
      {"head", "4096,256"},   {"head-norm", "plain"}, {"predictor-hidden", "4096"},
      {"temperature", "0.2"}, {"momentum-m", "0.99"}, {"momentum-schedule", "cosine"},
      {"augment", "byol"},
  };
};

template <Backend B, class Policies = policies>
class moco_v3 : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;

  moco_v3(B& backend, const architecture& layers, const moco_v3_options& options,
          std::uint64_t seed, const policy_values<Policies>& values = {})
      : base(backend, moco_v3_options::about), options_(options),
        online_(backend, layers, values.online_update),
        momentum_(backend, layers.without_predictor(), values.momentum_update) {
    online_.initialize(seed);
    momentum_.copy_weights(online_);
    this->keep_online(online_);
    this->keep("momentum.", momentum_);
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    watch.rows("view", std::array{1, 2}, x);

    const auto keys = momentum_.forward(x, std::array{0, 1}).projection;
    watch.rows("z", std::array{1, 2}, keys);
    const auto k = normalized(backend, keys);
    const auto queries = online_.forward(x, std::array{0, 1}, {.record = true}).prediction;
    watch.rows("p", std::array{1, 2}, queries);
    const unit_rows<B> q(backend, queries, 2);

    const loss_values<B, 2> terms(backend);
    for (const int view : {0, 1}) {
      loss::info_nce{options_.temperature, loss::anchor::prediction}(
          backend, view_of(k, 2, 1 - view), q.view(view), factor(), terms[view], q.gradient(view));
    }
    const step_report report =
        this->descend(online_, {.prediction = q.backward()}, x, options, terms);

    momentum_.update(online_, options.step);
    return report;
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    return 2 * factor() * std::log(static_cast<double>(n));
  }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = factor() * (t[0] + t[1]), .terms = {t[0], t[1]}};
  }

 private:
  [[nodiscard]] double factor() const { return 2 * options_.temperature; }

  moco_v3_options options_;
  online_type online_;
  momentum_type momentum_;
};

}  // namespace triptych::method
