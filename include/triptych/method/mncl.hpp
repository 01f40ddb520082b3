// triptych/method/mncl.hpp
//
// Multi-network contrastive learning (Li, Long, Li, arXiv 2306.15930), Algorithm 1:
//
//   z1, z2     = momentum(x1), momentum(x2)                    whole images, no gradient
//   p1, p2, p3 = online(x1), online(x2), online(x3)
//   c1, c3     = stop_gradient(x1), stop_gradient(x3)          six means of patch pairs, no gradient
//   loss_m     = 1/2 [ L(NN(z1), p2) + L(NN(z2), p1) ]         NN: nearest in the queue
//   loss_s     = 1/2 [ L(c1, p3) + L(c3, p1) ]
//   minimize     lambda_s loss_s + lambda loss_m               by the online network's gradient
//   enqueue z1, then move the momentum network after the online one
//
// The gaps of the paper are closed as docs/method.md says; what its authors' code does otherwise is
// here as options, all of them together as `mncl_options::released()`.
// Cost: 13 encoder forwards an image (a backward counts two): 9 online, 2 momentum, 2
// stop-gradient.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/options.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/loss/info_nce.hpp>
#include <triptych/loss/nt_xent.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

/// The policies, and which branches there are; an ablation build is such a struct.
struct mncl_policies : policies {
  static constexpr bool global_branch = true;  ///< momentum network, queue and loss_m
  static constexpr bool local_branch = true;   ///< stop-gradient network and loss_s
};

template <Backend B, class Policies>
class mncl;

enum class global_target { neighbor, projection };
enum class global_loss { info_nce, nt_xent };
enum class momentum_init { copy, independent };
enum class ema_timing { after_step, before_forward };
enum class patch_statistics { own, online };
enum class enqueue { z1, z2, both };

/// What is decided at run time. The defaults are the paper's.
struct mncl_options {
  static constexpr traits about{.name = "mncl",
                                .title = "MNCL",
                                .views = 3,
                                .cost = 13,
                                .patches = true,
                                .terms = {"m", "s"}};
  template <class B, class Policies = mncl_policies>
  using method = mncl<B, Policies>;
  template <class T>
  using launches = loss::nt_xent::launches<T>;

  double temperature = 1.0;
  double lambda = 6.0;    ///< weight of loss_m
  double lambda_s = 1.0;  ///< weight of loss_s
  std::int64_t queue = 16384;
  /// What p2 and p1 are drawn to: NN(z1) and NN(z2), or z1 and z2 themselves (not in the paper).
  triptych::method::global_target global_target = global_target::neighbor;

  // Where the authors' code differs from the paper (docs/method.md, "released").
  bool local_gradient = true;  ///< does loss_s carry a gradient?
  loss::anchor local_anchor = loss::anchor::target;
  triptych::method::global_loss global_loss = global_loss::info_nce;
  triptych::method::momentum_init momentum_init = momentum_init::copy;
  triptych::method::ema_timing ema_timing = ema_timing::after_step;
  triptych::method::patch_statistics patch_statistics = patch_statistics::own;
  triptych::method::enqueue enqueue = enqueue::z1;

  /// The behavior of the authors' public code, as far as the method itself goes; the rest of it is
  /// clipping (update::backprop), a constant predictor rate and zero-initialized residuals.
  static mncl_options released() {
    mncl_options o;
    o.local_gradient = false;
    o.local_anchor = loss::anchor::prediction;
    o.global_loss = global_loss::nt_xent;
    o.momentum_init = momentum_init::independent;
    o.ema_timing = ema_timing::before_forward;
    o.patch_statistics = patch_statistics::online;
    o.enqueue = enqueue::z2;
    return o;
  }

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const {
    return enqueue == enqueue::both ? 2 * n : n;
  }

  template <class Visit>
  static void describe(Visit&& option) {
    using o = mncl_options;
    option("temperature", &o::temperature, allowed::positive, "of the losses");
    option("lambda", &o::lambda, allowed::not_negative, "weight of the global loss");
    option("lambda-s", &o::lambda_s, allowed::not_negative, "weight of the local loss");
    option("queue", &o::queue, memory::queue_sizes, "projections in the queue");
    option("global-target", &o::global_target, {"neighbor", "projection"},
           "of the global loss: nearest neighbors in the queue, or the projections themselves");
    option("local-gradient", &o::local_gradient, "whether the local loss carries gradient");
    option("global-loss", &o::global_loss, {"infonce", "ntxent"}, "kind of the global loss");
    option("local-anchor", &o::local_anchor, {"target", "prediction"}, "rows of the local loss");
    option("momentum-init", &o::momentum_init, {"copy", "independent"},
           "how the momentum network starts");
    option("ema-timing", &o::ema_timing, {"after", "before"},
           "momentum update after the step, or before its own forward pass");
    option("patch-statistics", &o::patch_statistics, {"own", "online"},
           "whose running statistics patches move");
    option("enqueue", &o::enqueue, {"z1", "z2", "both"}, "which projections enter the queue");
  }

  static constexpr preset_value tuned[]{
      // No public recipe is for 32 pixels: SGD as in lightly's CIFAR-10 benchmark, the rest as in
      // docs/results.md.
      {"batch", "128"},       {"lr", "0.06"},    {"weight-decay", "5e-4"},
      {"temperature", "0.2"}, {"queue", "4096"},
  };
};

template <Backend B, class Policies = mncl_policies>
class mncl : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;
  static_assert(Policies::global_branch || Policies::local_branch,
                "mncl needs its global or its local branch; set one of the two to true");

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, architecture>;
  using stop_gradient_type = stop_gradient_network<B, typename Policies::patches, architecture>;

  /// Networks and queue from one architecture; `seed` decides every initial number.
  mncl(B& backend, const architecture& layers, const mncl_options& options, std::uint64_t seed,
       const policy_values<Policies>& values = {})
      : base(backend, mncl_options::about), options_(options),
        online_(backend, layers, values.online_update) {
    online_.initialize(seed);
    this->keep_online(online_);
    const architecture prefix = layers.without_predictor();
    if constexpr (Policies::global_branch) {
      momentum_.emplace(backend, prefix, values.momentum_update);
      if (options.momentum_init == momentum_init::copy) {
        momentum_->copy_weights(online_);
      } else {
        momentum_->initialize(~seed);
      }
      queue_.emplace(backend, options.queue, layers.projector.out());
      queue_->initialize(seed);
      this->keep("momentum.", *momentum_);
      this->keep(*queue_);
    }
    if constexpr (Policies::local_branch) {
      stop_gradient_.emplace(backend, prefix, update::copy{}, values.patches);
      stop_gradient_->alias(online_);
      if (options.patch_statistics == patch_statistics::online) {
        stop_gradient_->share_statistics(online_);
      }
      this->keep("stop_gradient.", *stop_gradient_);
    }
  }

  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& watch = {}) override {
    B& backend = this->backend();
    const arena_frame scope(backend.arena());
    if (options_.ema_timing == ema_timing::before_forward) move_momentum(options.step);
    watch.rows("view", std::array{1, 2, 3}, x);

    std::optional<targets> global;
    if constexpr (Policies::global_branch) {
      const auto z = momentum_->forward(x, std::array{0, 1}).projection;
      const auto unit = normalized(backend, z);
      global.emplace(targets{unit, queue_->look_up(unit)});
      watch.rows("z", std::array{1, 2}, z);
      watch.indices("nn", std::array{1, 2}, z.shape.images, global->nearest.indices);
    }

    const auto p = online_.forward(x, online_views, {.record = true}).prediction;
    watch.rows("p", online_view_names, p);
    const unit_rows<B> unit_p(backend, p, static_cast<int>(online_views.size()));

    const loss_values<B, 4> terms(backend);  // m1, m2, s1, s2
    if constexpr (Policies::global_branch) {
      const auto& target = options_.global_target == global_target::neighbor
                               ? global->nearest.neighbors
                               : global->unit;
      global_term(view_of(target, 2, 0), unit_p, place(2), terms[0]);
      global_term(view_of(target, 2, 1), unit_p, place(1), terms[1]);
    }
    if constexpr (Policies::local_branch) {
      forward_options draw;
      draw.random =
          random_stream(options.seed, stream::combine, static_cast<std::uint32_t>(options.step));
      const auto c = stop_gradient_->forward(x, std::array{0, 2}, draw).projection;
      watch.rows("c", std::array{1, 3}, c);
      const auto unit_c = normalized(backend, c);
      local_term(view_of(unit_c, 2, 0), unit_p, place(3), terms[2]);
      local_term(view_of(unit_c, 2, 1), unit_p, place(1), terms[3]);
    }

    // A neighbor's row is finite even where the look-up for it was not.
    if (global) this->expect_finite(global->unit);
    const step_report report =
        this->descend(online_, {.prediction = unit_p.backward()}, x, options, terms);

    if constexpr (Policies::global_branch) {
      const std::int64_t n = x.shape.images / 3, first = options_.enqueue == enqueue::z2 ? n : 0;
      auto rows = global->unit.images(first, pushed_rows(n));
      rows.shape.groups = static_cast<int>(rows.shape.images / n);
      std::move(global->nearest).push(rows);
    }
    if (options_.ema_timing == ema_timing::after_step) move_momentum(options.step);
    return report;
  }

  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    const double in_batch = std::log(static_cast<double>(n));
    const double in_pairs = std::log(static_cast<double>(2 * n - 1));
    const bool pairs = options_.global_loss == global_loss::nt_xent;
    return total(pairs ? in_pairs : in_batch, in_batch);
  }

  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const override {
    return Policies::global_branch ? options_.pushed_rows(n) : 0;
  }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] momentum_type& momentum() requires(Policies::global_branch) { return *momentum_; }
  [[nodiscard]] stop_gradient_type& stop_gradient() requires(Policies::local_branch) {
    return *stop_gradient_;
  }
  [[nodiscard]] memory::queue<B>& queue() requires(Policies::global_branch) { return *queue_; }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    const double m = (t[0] + t[1]) / 2, s = (t[2] + t[3]) / 2;
    return {.loss = total(m, s), .terms = {m, s}};
  }

 private:
  /// The momentum network's unit projections (2N, P) and what they found in the queue.
  struct targets {
    tensor<const real> unit;
    typename memory::queue<B>::reading nearest;
  };

  // View 2 meets the global branch alone, view 3 the local one.
  static constexpr auto online_views = [] {
    if constexpr (!Policies::local_branch)
      return std::array{0, 1};
    else if constexpr (!Policies::global_branch)
      return std::array{0, 2};
    else
      return std::array{0, 1, 2};
  }();
  /// Where view 1, 2 or 3 lies among the online network's.
  static constexpr int place(int view) {
    return view == 3 && !Policies::global_branch ? 1 : view - 1;
  }
  static constexpr auto online_view_names = [] {
    auto names = online_views;
    for (int& name : names) ++name;
    return names;
  }();

  void global_term(tensor<const real> target, const unit_rows<B>& p, int at, real* value) {
    const double weight = options_.lambda / 2;
    if (options_.global_loss == global_loss::nt_xent) {
      loss::nt_xent{options_.temperature}(this->backend(), target, p.view(at), weight, value,
                                          nullptr, p.gradient(at));
    } else {
      loss::info_nce{options_.temperature}(this->backend(), target, p.view(at), weight, value,
                                           p.gradient(at));
    }
  }

  void local_term(tensor<const real> target, const unit_rows<B>& p, int at, real* value) {
    loss::info_nce{options_.temperature, options_.local_anchor}(
        this->backend(), target, p.view(at), options_.lambda_s / 2, value,
        options_.local_gradient ? p.gradient(at) : nullptr);
  }

  [[nodiscard]] double total(double m, double s) const {
    return (Policies::local_branch ? options_.lambda_s * s : 0.0) +
           (Policies::global_branch ? options_.lambda * m : 0.0);
  }

  void move_momentum(std::int64_t step) {
    if constexpr (Policies::global_branch) momentum_->update(online_, step);
  }

  mncl_options options_;
  online_type online_;
  std::optional<momentum_type> momentum_;
  std::optional<stop_gradient_type> stop_gradient_;
  std::optional<memory::queue<B>> queue_;
};

}  // namespace triptych::method
