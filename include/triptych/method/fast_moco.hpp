// triptych/method/fast_moco.hpp
//
// Fast-MoCo (Ci, Lin, Bai, Ouyang, "Fast-MoCo: boost momentum-based contrastive learning with
// combinatorial patches", 2022), section 3.2:
//
//   p1, p2   = online(patches of x1), online(patches of x2)     s means of patch subsets an image
//   z1, z2   = momentum(x1), momentum(x2)                       whole images, no gradient
//   minimize   1/2 [ L(z2, p1) + L(z1, p2) ]                    anchors are the predictions: 2 s
//                                                               cross-entropies, against the other
//                                                               view's whole images alone
//
// then the momentum network moves after the online one. Cost: 8 encoder forwards an image.
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
class fast_moco;

struct fast_moco_options {
  static constexpr traits about{.name = "fast_moco",
                                .title = "Fast-MoCo",
                                .views = 2,
                                .cost = 8,
                                .patches = true,
                                .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = fast_moco<B, Policies>;

  double temperature = 1.0;

  template <class Visit>
  static void describe(Visit&& option) {
    option("temperature", &fast_moco_options::temperature, allowed::positive, "of the losses");
  }

  static constexpr preset_value tuned[]{
      // the authors' code, for ImageNet, with a rate of 0.1 at batch 512: they give none for CIFAR
      {"lr", "0.05"},       {"weight-decay", "1e-4"},     {"warmup-epochs", "1"},
      {"clip-norm", "1"},   {"predictor-lr", "constant"}, {"zero-init-residual", "on"},
      {"temperature", "1"}, {"augment", "fast_moco"},
  };
};

template <Backend B, class Policies = policies>
class fast_moco : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, typename Policies::patches, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;

  fast_moco(B& backend, const architecture& layers, const fast_moco_options& options,
            std::uint64_t seed, const policy_values<Policies>& values = {})
      : base(backend, fast_moco_options::about), options_(options),
        online_(backend, layers, values.online_update, values.patches),
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

    const auto target = momentum_.forward(x, std::array{0, 1}).projection;
    watch.rows("z", std::array{1, 2}, target);
    const auto z = normalized(backend, target);
    forward_options draw{.record = true};
    draw.random =
        random_stream(options.seed, stream::combine, static_cast<std::uint32_t>(options.step));
    const auto prediction = online_.forward(x, std::array{0, 1}, draw).prediction;
    watch.rows("p", std::array{1, 2}, prediction);
    const unit_rows<B> p(backend, prediction, 2);

    const loss_values<B, 2> terms(backend);
    for (const int view : {0, 1}) {
      loss::info_nce{options_.temperature, loss::anchor::prediction}(
          backend, view_of(z, 2, 1 - view), p.view(view), 0.5, terms[view], p.gradient(view));
    }
    const step_report report =
        this->descend(online_, {.prediction = p.backward()}, x, options, terms);

    momentum_.update(online_, options.step);
    return report;
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    return std::log(static_cast<double>(n));
  }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] momentum_type& momentum() { return momentum_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = (t[0] + t[1]) / 2, .terms = {t[0], t[1]}};
  }

 private:
  fast_moco_options options_;
  online_type online_;
  momentum_type momentum_;
};

}  // namespace triptych::method
