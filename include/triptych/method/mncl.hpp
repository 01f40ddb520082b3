// triptych/method/mncl.hpp
//
// Multi-network contrastive learning (Li, Long, Li, arXiv 2306.15930), Algorithm 1:
//
//   z1, z2     = momentum(x1), momentum(x2)                    whole images, no gradient
//   p1, p2, p3 = online(x1), online(x2), online(x3)
//   c1, c3     = stop_gradient(x1), stop_gradient(x3)          six means of patch pairs, no gradient
//   loss_m     = 1/2 [ L(NN(z1), p2) + L(NN(z2), p1) ]         NN: nearest in the queue
//   loss_s     = 1/2 [ L(c1, p3) + L(c3, p1) ]
//   minimise     lambda_s loss_s + lambda loss_m               by the online network's gradient
//   enqueue z1, then move the momentum network after the online one
//
// The gaps of the paper are closed as docs/method.md says; what its authors' code does otherwise is
// here as options, all of them together as `mncl_options::released()`.
// Cost: 13 encoder forwards an image (a backward counts two): 9 online, 2 momentum, 2 stop-gradient.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/loss/info_nce.hpp>
#include <triptych/loss/nt_xent.hpp>
#include <triptych/memory/support_set.hpp>
#include <triptych/method/step.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::method {

/// What is decided at compile time. Derive from it and replace a member to try another policy; an
/// ablation build is such a struct.
struct mncl_policies {
  using online_update = update::backprop<>;
  using momentum_update = update::ema;
  using patches = views::grid;
  using stack = nn::stack<>;
  static constexpr bool global_branch = true;  ///< momentum network, queue and loss_m
  static constexpr bool local_branch = true;   ///< stop-gradient network and loss_s
};

enum class global_loss { info_nce, nt_xent };
enum class momentum_start { copy, independent };
enum class momentum_timing { after_step, before_forward };
enum class patch_statistics { own, online };
enum class enqueued { z1, z2, both };

/// What is decided at run time. The defaults are the paper's.
struct mncl_options {
  double temperature = 1.0;
  double lambda = 6.0;    ///< weight of loss_m
  double lambda_s = 1.0;  ///< weight of loss_s
  std::int64_t queue = 16384;

  // Where the authors' code differs from the paper (docs/method.md, "released").
  bool local_gradient = true;  ///< does loss_s carry a gradient?
  loss::anchor local_anchor = loss::anchor::target;
  method::global_loss global_loss = global_loss::info_nce;
  momentum_start momentum_init = momentum_start::copy;
  momentum_timing ema_timing = momentum_timing::after_step;
  method::patch_statistics patch_statistics = patch_statistics::own;
  enqueued enqueue = enqueued::z1;

  /// The behaviour of the authors' public code, as far as the method itself goes; the rest of it is
  /// clipping (update::backprop), a constant predictor rate and zero-initialised residuals.
  static mncl_options released() {
    mncl_options o;
    o.local_gradient = false;
    o.local_anchor = loss::anchor::prediction;
    o.global_loss = global_loss::nt_xent;
    o.momentum_init = momentum_start::independent;
    o.ema_timing = momentum_timing::before_forward;
    o.patch_statistics = patch_statistics::online;
    o.enqueue = enqueued::z2;
    return o;
  }
};

template <class B, class Policies = mncl_policies>
class mncl {
  static_assert(Backend<B>, "B must be a backend; see docs/policies/backend.md");
  static_assert(Policies::global_branch || Policies::local_branch,
                "mncl needs its global or its local branch; set one of the two to true");

 public:
  using backend_type = B;
  using policies = Policies;
  using real = typename B::real;
  using stack = typename Policies::stack;
  using online_type = online_network<B, typename Policies::online_update, views::whole, stack>;
  using momentum_type = momentum_network<B, typename Policies::momentum_update, stack>;
  using stop_gradient_type = stop_gradient_network<B, typename Policies::patches, stack>;

  static constexpr int views = 3;

  /// Networks and queue from one stack; `seed` decides every initial number.
  mncl(B& backend, const stack& layers, const mncl_options& options, std::uint64_t seed,
       typename Policies::online_update online_update = {},
       typename Policies::momentum_update momentum_update = {},
       typename Policies::patches patches = typename Policies::patches())
      : backend_(&backend), options_(options), online_(backend, layers, std::move(online_update)) {
    online_.initialise(seed);
    const stack prefix = layers.without_predictor();
    if constexpr (Policies::global_branch) {
      momentum_.emplace(backend, prefix, std::move(momentum_update));
      if (options.momentum_init == momentum_start::copy) {
        momentum_->copy_weights(online_);
      } else {
        momentum_->initialise(~seed);
      }
      queue_.emplace(backend, options.queue, layers.projector.out());
      queue_->initialise(seed);
    }
    if constexpr (Policies::local_branch) {
      stop_gradient_.emplace(backend, prefix, update::copy{}, std::move(patches));
      stop_gradient_->alias(online_);
      if (options.patch_statistics == patch_statistics::online) {
        stop_gradient_->share_statistics(online_);
      }
    }
  }

  // The networks point at each other.
  mncl(const mncl&) = delete;
  mncl& operator=(const mncl&) = delete;

  /// One training step on x (3N, H, W, 3): views 1, 2, 3 one after another.
  step_report step(tensor<const real> x, const step_options& options,
                   const trace<real>& observe = {}) {
    const typename stack_arena<typename B::memory>::frame scope(backend_->arena());
    if (options_.ema_timing == momentum_timing::before_forward) move_momentum(options.step);
    observe.rows("view", std::array{1, 2, 3}, x);

    std::optional<targets> global;
    if constexpr (Policies::global_branch) {
      const auto z = momentum_->forward(x, std::array{0, 1}).projection;
      const auto unit = normalized(z);
      global.emplace(targets{unit, queue_->look_up(unit)});
      observe.rows("z", std::array{1, 2}, z);
      observe.indices("nn", std::array{1, 2}, z.shape.images, global->nearest.indices);
    }

    const auto p = online_.forward(x, online_views, {.record = true}).prediction;
    observe.rows("p", online_view_names, p);
    const std::int64_t n = p.shape.images / p.shape.groups;
    real* inverse_norms =
        backend_->arena().template take<real>(static_cast<std::size_t>(p.shape.images));
    const auto unit_p = take(p.shape);
    backend_->normalize_rows_forward(p.shape.images, p.shape.channels, p.data, unit_p.data,
                                     inverse_norms);
    const auto d_unit_p = take(p.shape);
    backend_->fill(d_unit_p.data, d_unit_p.size(), real(0));
    const auto prediction = [&](int view) { return unit_p.images(place(view) * n, n); };
    const auto gradient = [&](int view) { return d_unit_p.images(place(view) * n, n).data; };

    // Four terms of loss: m1, m2, s1, s2.
    real* terms = backend_->arena().template take<real>(4);
    backend_->fill(terms, 4, real(0));
    if constexpr (Policies::global_branch) {
      const auto nn1 = global->nearest.neighbours.images(0, n);
      const auto nn2 = global->nearest.neighbours.images(n, n);
      global_term(nn1, prediction(2), terms + 0, gradient(2));
      global_term(nn2, prediction(1), terms + 1, gradient(1));
    }
    if constexpr (Policies::local_branch) {
      forward_options draw;
      draw.random = random_stream(options.seed, stream::combine,
                                  static_cast<std::uint32_t>(options.step));
      const auto c = stop_gradient_->forward(x, std::array{0, 2}, draw).projection;
      observe.rows("c", std::array{1, 3}, c);
      const auto unit = normalized(c);
      const std::int64_t rows = c.shape.images / 2;
      local_term(unit.images(0, rows), prediction(3), terms + 2, gradient(3));
      local_term(unit.images(rows, rows), prediction(1), terms + 3, gradient(1));
    }

    const step_report losses = report(terms);
    // A neighbour's row is finite even where the look-up for it was not.
    const bool sound = !global || backend_->all_finite(global->unit.data, global->unit.size());
    if (!sound || !std::isfinite(losses.loss)) {
      throw error::non_finite(diagnosis(options.step, x));
    }

    const auto dp = take(p.shape);
    backend_->fill(dp.data, dp.size(), real(0));
    backend_->normalize_rows_backward(p.shape.images, p.shape.channels, unit_p.data, inverse_norms,
                                      d_unit_p.data, real(1), dp.data);
    online_.zero_gradients();
    online_.backward(dp);

    step_report done = losses;
    try {
      done.gradient_norm = online_.update(options.rate, options.predictor_rate);
    } catch (const error& e) {
      throw error(e.kind(), "step " + std::to_string(options.step + 1) + ": " + e.what());
    }
    if constexpr (Policies::global_branch) {
      const std::int64_t first = options_.enqueue == enqueued::z2 ? n : 0;
      std::move(global->nearest).push(global->unit.images(first, pushed_rows(n)));
    }
    if (options_.ema_timing == momentum_timing::after_step) move_momentum(options.step);
    return done;
  }

  /// The loss of unrelated unit rows, for a batch of n: what the first steps should print.
  [[nodiscard]] double expected_start(std::int64_t n) const {
    const double in_batch = std::log(static_cast<double>(n));
    const double in_pairs = std::log(static_cast<double>(2 * n - 1));
    double loss = 0;
    if (Policies::local_branch) loss += options_.lambda_s * in_batch;
    if (Policies::global_branch) {
      loss += options_.lambda *
              (options_.global_loss == global_loss::nt_xent ? in_pairs : in_batch);
    }
    return loss;
  }

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] std::int64_t pushed_rows(std::int64_t n) const {
    return options_.enqueue == enqueued::both ? 2 * n : n;
  }

  /// Everything that a checkpoint must hold, as named arenas.
  [[nodiscard]] std::vector<named_arena<real>> arenas() {
    std::vector<named_arena<real>> all;
    all.push_back({"online.", &online_.weight_list(), online_.weights()});
    all.push_back({"online.", &online_.statistic_list(), online_.statistics()});
    all.push_back({"momentum_buffer.online.", &online_.weight_list(), online_.optimiser_state()});
    if constexpr (Policies::global_branch) {
      all.push_back({"momentum.", &momentum_->weight_list(), momentum_->weights()});
      all.push_back({"momentum.", &momentum_->statistic_list(), momentum_->statistics()});
      queue_list_ = {};
      queue_list_.add({"queue", {queue_->size(), queue_->features()}});
      all.push_back({"", &queue_list_, queue_->data()});
    }
    if constexpr (Policies::local_branch) {
      if (!stop_gradient_->shares_statistics()) {
        all.push_back({"stop_gradient.", &stop_gradient_->statistic_list(),
                       stop_gradient_->statistics()});
      }
    }
    return all;
  }

  /// The queue's position and count, the only state that no arena holds.
  [[nodiscard]] std::vector<std::int64_t> counters() const {
    if constexpr (Policies::global_branch) return {queue_->head(), queue_->pushed()};
    return {0, 0};
  }
  void restore_counters(const std::vector<std::int64_t>& saved) {
    if constexpr (Policies::global_branch) queue_->restore(saved.at(0), saved.at(1));
  }

  [[nodiscard]] online_type& online() { return online_; }
  [[nodiscard]] momentum_type& momentum()
    requires(Policies::global_branch)
  {
    return *momentum_;
  }
  [[nodiscard]] stop_gradient_type& stop_gradient()
    requires(Policies::local_branch)
  {
    return *stop_gradient_;
  }
  [[nodiscard]] memory::support_set<B>& queue()
    requires(Policies::global_branch)
  {
    return *queue_;
  }
  [[nodiscard]] const mncl_options& options() const { return options_; }

 private:
  /// The momentum network's unit projections (2N, P) and what they found in the queue.
  struct targets {
    tensor<const real> unit;
    typename memory::support_set<B>::reading nearest;
  };

  // View 2 meets the global branch alone, view 3 the local one.
  static constexpr auto online_views = [] {
    if constexpr (!Policies::local_branch) return std::array{0, 1};
    else if constexpr (!Policies::global_branch) return std::array{0, 2};
    else return std::array{0, 1, 2};
  }();
  /// Where view 1, 2 or 3 lies among the online network's.
  static constexpr std::int64_t place(int view) {
    return view == 3 && !Policies::global_branch ? 1 : view - 1;
  }
  static constexpr auto online_view_names = [] {
    auto names = online_views;
    for (int& name : names) ++name;
    return names;
  }();

  [[nodiscard]] tensor<real> take(const shape& s) {
    return {s, backend_->arena().template take<real>(s.size())};
  }

  tensor<const real> normalized(tensor<const real> rows) {
    const auto unit = take(rows.shape);
    real* norms =
        backend_->arena().template take<real>(static_cast<std::size_t>(rows.shape.images));
    backend_->normalize_rows_forward(rows.shape.images, rows.shape.channels, rows.data, unit.data,
                                     norms);
    return unit;
  }

  void global_term(tensor<const real> target, tensor<const real> p, real* value, real* dp) {
    const double weight = options_.lambda / 2;
    if (options_.global_loss == global_loss::nt_xent) {
      loss::nt_xent{options_.temperature}(*backend_, target, p, weight, value, nullptr, dp);
    } else {
      loss::info_nce{options_.temperature}(*backend_, target, p, weight, value, dp);
    }
  }

  void local_term(tensor<const real> target, tensor<const real> p, real* value, real* dp) {
    loss::info_nce{options_.temperature, options_.local_anchor}(
        *backend_, target, p, options_.lambda_s / 2, value, options_.local_gradient ? dp : nullptr);
  }

  [[nodiscard]] step_report report(const real* terms) {
    std::array<real, 4> t{};
    backend_->download(terms, 4, t.data());
    step_report r;
    r.loss_m = (static_cast<double>(t[0]) + static_cast<double>(t[1])) / 2;
    r.loss_s = (static_cast<double>(t[2]) + static_cast<double>(t[3])) / 2;
    r.loss = (Policies::local_branch ? options_.lambda_s * r.loss_s : 0.0) +
             (Policies::global_branch ? options_.lambda * r.loss_m : 0.0);
    return r;
  }

  void move_momentum(std::int64_t step) {
    if constexpr (Policies::global_branch) momentum_->update(online_, step);
  }

  /// Which tensor made a step non-finite: input, then every arena. Steps are counted from 1 here, as
  /// in the log.
  [[nodiscard]] std::string diagnosis(std::int64_t step, tensor<const real> x) {
    const std::string at = "step " + std::to_string(step + 1) + " is not finite: ";
    if (!backend_->all_finite(x.data, x.size())) {
      return at + "an input image holds NaN or infinity; check the data set";
    }
    const std::string advice = "; resume from the last checkpoint with a lower --lr";
    for (const auto& arena : arenas()) {
      const std::string name = online_.first_non_finite(*arena.list, arena.data, "");
      if (!name.empty()) return at + arena.prefix + name + " holds NaN or infinity" + advice;
    }
    return at + "inputs and weights are finite, so a product overflowed" + advice;
  }

  B* backend_;
  mncl_options options_;
  online_type online_;
  std::optional<momentum_type> momentum_;
  std::optional<stop_gradient_type> stop_gradient_;
  std::optional<memory::support_set<B>> queue_;
  nn::parameter_list queue_list_;
};

}  // namespace triptych::method
