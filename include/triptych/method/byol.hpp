// triptych/method/byol.hpp
//
// BYOL (Grill et al., "Bootstrap your own latent", 2020), section 3.1:
//
//   p1, p2   = online(x1), online(x2)
//   z1, z2   = momentum(x1), momentum(x2)                     no gradient
//   minimize   (2 - 2 cos(p1, z2)) + (2 - 2 cos(p2, z1))      a sum of both directions, no mean
//
// then the momentum network moves after the online one. Cost: 8 encoder forwards an image.
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
class byol;

struct byol_options {
  static constexpr traits about{
      .name = "byol", .title = "BYOL", .views = 2, .cost = 8, .terms = {"1", "2"}};
  template <class B, class Policies = policies>
  using method = byol<B, Policies>;

  template <class Visit>
  static void describe(Visit&&) {}

  static constexpr preset_value tuned[]{
      // lightly's CIFAR-10 benchmark
      {"batch", "128"},
      {"lr", "0.06"},
      {"weight-decay", "5e-4"},
      // solo-learn's CIFAR recipe
      {"head", "4096,256"},
      {"head-norm", "hidden"},
      {"predictor-hidden", "4096"},
      {"momentum-m", "0.99"},
      {"momentum-schedule", "cosine"},
      {"augment", "byol"},
  };
};

template <Backend B, class Policies = policies>
class byol : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;

  byol(B& backend, const architecture& layers, const byol_options& /*options*/, std::uint64_t seed,
       const policy_values<Policies>& values = {})
      : base(backend, byol_options::about), online_(backend, layers, values.online_update),
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
    const auto prediction = online_.forward(x, std::array{0, 1}, {.record = true}).prediction;
    watch.rows("p", std::array{1, 2}, prediction);
    const unit_rows<B> p(backend, prediction, 2);

    const loss_values<B, 2> cosines(backend);
    for (const int view : {0, 1}) {  // 2 - 2 cos is 2 + 2 L
      loss::negative_cosine{}(backend, view_of(z, 2, 1 - view), p.view(view), 2.0, cosines[view],
                              p.gradient(view));
    }
    const step_report report =
        this->descend(online_, {.prediction = p.backward()}, x, options, cosines);

    momentum_.update(online_, options.step);
    return report;
  }

  /// Unrelated directions are orthogonal.
  [[nodiscard]] double expected_initial_loss(std::int64_t /*n*/) const override { return 4; }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] momentum_type& momentum() { return momentum_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& cosines) const override {
    const std::array terms{2 + 2 * cosines[0], 2 + 2 * cosines[1]};
    return {.loss = terms[0] + terms[1], .terms = terms};
  }

 private:
  online_type online_;
  momentum_type momentum_;
};

}  // namespace triptych::method
