// triptych/method/simsiam.hpp
//
// SimSiam (Chen, He, "Exploring simple Siamese representation learning", 2021), algorithm 1:
//
//   z1, z2, p1, p2 = online(x1), online(x2)          projections, and predictions from them
//   minimize 1/2 [ D(p1, z2) + D(p2, z1) ]           D = -cosine, no gradient through z
//
// Without negatives or a momentum network: the predictor and the stopped gradient alone keep it
// from collapse. Its own recipe has no weight and bias in the projector's last BatchNorm
// (nn::head_norm::plain) and a constant rate for the predictor. Cost: 6 encoder forwards an image.
#pragma once

#include <array>
#include <cstdint>

#include <triptych/core/options.hpp>
#include <triptych/loss/negative_cosine.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class simsiam;

struct simsiam_options {
  static constexpr traits about{
      .name = "simsiam", .title = "SimSiam", .views = 2, .cost = 6, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = simsiam<B, Policies>;

  template <class Visit>
  static void describe(Visit&&) {}

  static constexpr preset_value tuned[]{
      // lightly's CIFAR-10 benchmark
      {"batch", "128"},
      {"lr", "0.06"},
      {"weight-decay", "5e-4"},
      {"augment", "simsiam"},
      // the authors' code, and the public CIFAR-10 recipe derived from it
      {"head", "2048,2048"},
      {"head-norm", "plain"},
      {"predictor-hidden", "512"},
      {"warmup-epochs", "10"},
      {"predictor-lr", "constant"},
  };
};

template <Backend B, class Policies = policies>
class simsiam : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;

  simsiam(B& backend, const architecture& layers, const simsiam_options& /*options*/,
          std::uint64_t seed, const policy_values<Policies>& values = {})
      : base(backend, simsiam_options::about), online_(backend, layers, values.online_update) {
    online_.initialize(seed);
    this->keep_online(online_);
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

    const loss_values<B, 2> terms(backend);
    for (const int view : {0, 1}) {
      loss::negative_cosine{}(backend, view_of(z, 2, 1 - view), p.view(view), 0.5, terms[view],
                              p.gradient(view));
    }
    return this->descend(online_, {.prediction = p.backward()}, x, options, terms);
  }

  /// Unrelated directions are orthogonal.
  [[nodiscard]] double expected_initial_loss(std::int64_t /*n*/) const override { return 0; }

  [[nodiscard]] online_type& online() { return online_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = (t[0] + t[1]) / 2, .terms = {t[0], t[1]}};
  }

 private:
  online_type online_;
};

}  // namespace triptych::method
