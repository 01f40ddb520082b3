// triptych/method/simclr.hpp
//
// SimCLR (Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of visual
// representations", 2020), algorithm 1:
//
//   z1, z2   = online(x1), online(x2)            encoder and projector, no predictor
//   minimize   NT-Xent(z1, z2)                   2N anchors, one positive, 2N - 2 negatives each
//
// Both views carry gradient. Cost: 6 encoder forwards an image.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <triptych/core/options.hpp>
#include <triptych/loss/nt_xent.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

template <Backend B, class Policies>
class simclr;

struct simclr_options {
  static constexpr traits about{
      .name = "simclr", .title = "SimCLR", .views = 2, .cost = 6, .terms = {}};
  template <class B, class Policies = policies>
  using method = simclr<B, Policies>;
  template <class T>
  using launches = loss::nt_xent::launches<T>;

  double temperature = 1.0;

  template <class Visit>
  static void describe(Visit&& option) {
    option("temperature", &simclr_options::temperature, allowed::positive, "of the losses");
  }

  static constexpr preset_value tuned[]{
      // lightly's CIFAR-10 benchmark
      {"batch", "128"},     {"lr", "0.06"},         {"weight-decay", "5e-4"}, {"head", "512,128"},
      {"head-norm", "all"}, {"temperature", "0.5"}, {"augment", "simclr"},
  };
};

template <Backend B, class Policies = policies>
class simclr : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;

  simclr(B& backend, const architecture& layers, const simclr_options& options, std::uint64_t seed,
         const policy_values<Policies>& values = {})
      : base(backend, simclr_options::about), options_(options),
        online_(backend, layers.without_predictor(), values.online_update) {
    online_.initialize(seed);
    this->keep_online(online_);
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    watch.rows("view", std::array{1, 2}, x);

    const auto z = online_.forward(x, std::array{0, 1}, {.record = true}).projection;
    watch.rows("z", std::array{1, 2}, z);
    const unit_rows<B> unit(backend, z, 2);

    const loss_values<B, 1> loss(backend);
    loss::nt_xent{options_.temperature}(backend, unit.view(0), unit.view(1), 1.0, loss[0],
                                        unit.gradient(0), unit.gradient(1));
    return this->descend(online_, {.prediction = unit.backward()}, x, options, loss);
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    return std::log(static_cast<double>(2 * n - 1));
  }

  [[nodiscard]] online_type& online() { return online_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override { return {.loss = t[0]}; }

 private:
  simclr_options options_;
  online_type online_;
};

}  // namespace triptych::method
