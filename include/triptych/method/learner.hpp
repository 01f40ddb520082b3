// triptych/method/learner.hpp
//
// What every method is to the training loop: a step, and a state that can be saved. A method adds
// its networks, memory and losses; they are handed to `keep` once, in the order in which files name
// them. The loop knows this type alone, so that it is compiled once and not once for each method.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/memory/queue.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/step.hpp>
#include <triptych/network/network.hpp>

namespace triptych::method {

template <class B, class Architecture = nn::architecture<>>
class learner {
  static_assert(Backend<B>, "B must be a backend; see docs/policies/backend.md");

 public:
  using backend_type = B;
  using real = typename B::real;
  /// The online network's weights and statistics, as they are, to be looked at.
  using encoder_type = network<B, update::copy, patches::whole, Architecture>;

  virtual ~learner() = default;
  // Networks point at each other.
  learner(const learner&) = delete;
  learner& operator=(const learner&) = delete;

  /// One training step on x (V N, H, W, 3): views 1, 2, ... one after another, groups = V; on R ranks
  /// (comm/ranks.hpp) N are the images of one of them, and all ranks make the step. Throws
  /// error::non_finite, naming step and tensor, before any weight has changed. With `options.read`
  /// false it returns an empty report and throws nothing of the kind: `synchronize` tells.
  virtual step_report step(tensor<const real> x, const step_options& options,
                           const trace<real>& watch = {}) = 0;

  /// What the steps since the last call did, or since the last step with `options.read`. After one
  /// that was not finite the state is that before it, but for running statistics and the queue's
  /// counters.
  step_status synchronize() {
    backend_->download(record_.data(), record_.size(), host_record_.data());
    backend_->fill(record_.data() + finite_at, 2, real(0));
    const auto finite = static_cast<std::int64_t>(host_record_[finite_at]);
    const auto made = static_cast<std::int64_t>(host_record_[made_at]);
    if (made > 0) {
      losses_.assign(host_record_.begin() + losses_at, host_record_.end());
      last_ = reported(losses_);
      last_.gradient_norm = static_cast<double>(host_record_[norm_at]);
    }
    if (finite != made) backend_->open_gate();
    return {last_, made, finite, finite == made};
  }

  /// The loss of unrelated unit rows, for a batch of n: what the first steps should print.
  [[nodiscard]] virtual double expected_initial_loss(std::int64_t n) const = 0;

  /// Rows that a step with a batch of n pushes into the queue.
  [[nodiscard]] virtual std::int64_t pushed_rows(std::int64_t /*n*/) const { return 0; }

  [[nodiscard]] const traits& about() const { return about_; }
  [[nodiscard]] B& backend() const { return *backend_; }
  [[nodiscard]] encoder_type& encoder() {
    expect_kept();
    return *encoder_;
  }
  [[nodiscard]] memory::queue<B>* kept_queue() const { return kept_queue_; }  ///< or null

  /// Everything that a checkpoint must hold, as named arenas.
  [[nodiscard]] const std::vector<named_arena<real>>& arenas() const { return arenas_; }
  /// The online network's gradients.
  [[nodiscard]] const named_arena<real>& gradients() const { return gradients_; }

  /// The queue's position and count, the only state that no arena holds; zeros without a queue.
  [[nodiscard]] std::vector<std::int64_t> counters() const {
    if (kept_queue_ == nullptr) return {0, 0};
    return {kept_queue_->head(), kept_queue_->pushed()};
  }
  void restore_counters(const std::vector<std::int64_t>& saved) {
    if (kept_queue_ != nullptr) kept_queue_->restore(saved.at(0), saved.at(1));
  }

 protected:
  learner(B& backend, const traits& about) : backend_(&backend), about_(about) { record(8); }

  /// What the losses of a step mean: the report, but for the gradient.
  [[nodiscard]] virtual step_report reported(const loss_list& losses) const = 0;

  /// The network that learns.
  template <class Online>
  void keep_online(Online& online) {
    keep("online.", online);
    const auto names = update::optimizer::state_names(online.update_policy().optimizer);
    const auto state = online.optimizer_state();
    for (std::size_t i = 0; i < state.size(); ++i) {
      arenas_.push_back({std::string(names[i]) + ".online.", &online.weight_list(), state[i],
                         arena_role::optimizer});
    }
    gradients_ = {"online.", &online.weight_list(), online.gradients()};
    encoder_.emplace(*backend_, online.architecture().without_predictor());
    encoder_->alias(online);
    encoder_->share_statistics(online);
  }

  template <class Network>
  void keep(const std::string& prefix, Network& network) {
    if constexpr (Network::owns_weights) {
      arenas_.push_back({prefix, &network.weight_list(), network.weights()});
    }
    if (!network.shares_statistics()) {
      arenas_.push_back({prefix, &network.statistic_list(), network.statistics()});
    }
  }

  /// At most one: its position and labels go with it.
  void keep(memory::queue<B>& queue) {
    if (kept_queue_ != nullptr) {
      throw error::usage(std::string(about_.name) +
                         ": one queue is kept already; keep the rows of another as an array, by "
                         "keep(name, shape, data)");
    }
    kept_queue_ = &queue;
    keep("queue", {queue.size(), queue.features()}, queue.data(), arena_role::memory);
  }

  /// An array of the method's own, such as a center: row-major, in the backend's memory as long as
  /// the method lives. A step changes it only by the backend's `commit`, `commit_each` or
  /// `interpolate`, so that a step that is not finite leaves it as it was.
  void keep(const std::string& name, std::vector<std::int64_t> shape, real* data,
            arena_role role = arena_role::model) {
    lists_.emplace_back().add({name, std::move(shape)});
    arenas_.push_back({"", &lists_.back(), data, role});
  }

  /// The step is refused if any of these numbers is not finite, whatever the losses are.
  void expect_finite(tensor<const real> rows) {
    backend_->close_gate_unless_finite(rows.data, rows.size());
  }

  /// The end of every step: the gradient of what the online network gave back through it, and its
  /// update. Returns what `step` returns.
  template <class Online, int N>
  step_report descend(Online& online, const output_gradients<real>& gradient, tensor<const real> x,
                      const step_options& options, const loss_values<B, N>& losses) {
    expect_kept();
    if (record_.size() < losses_at + N) record(N);
    ranks::agree(*backend_, losses[0], N);
    backend_->close_gate_unless_finite(losses[0], N);
    online.zero_gradients();
    online.backward(gradient);
    ranks::add_up(*backend_, online.gradients(), online.weight_list().size());
    real* const record = record_.data();
    online.update(options.learning_rate, options.predictor_learning_rate, options.step,
                  record + norm_at);
    backend_->copy(losses[0], N, record + losses_at);
    backend_->add(backend_->gate(), 1, record + finite_at);
    backend_->add(record + one_at, 1, record + made_at);
    return options.read ? read(online, x, options.step) : step_report{};
  }

 private:
  // Where the numbers of a step lie in `record_`. Steps are counted where they are made: one that
  // was recorded and not launched is none.
  static constexpr std::size_t norm_at = 0, finite_at = 1, made_at = 2, one_at = 3, losses_at = 4;

  /// Room for so many losses; more than these are known at the first step.
  void record(std::size_t losses) {
    record_ = buffer<real, typename B::allocator>(losses_at + losses, "the numbers of a step");
    host_record_.assign(record_.size(), real(0));
    losses_.reserve(losses);
    backend_->fill(record_.data(), record_.size(), real(0));
    backend_->fill(record_.data() + one_at, 1, real(1));
  }

  void expect_kept() const {
    if (encoder_) return;
    throw error::usage(std::string(about_.name) +
                       ": files and evaluations would miss the online network; call "
                       "keep_online(network) in the method's constructor");
  }

  /// Waits for the step that has been launched, and refuses it if it must be.
  template <class Online>
  step_report read(const Online& online, tensor<const real> x, std::int64_t step) {
    const step_status found = synchronize();
    if (found.finite) return found.last;
    if (found.finite_steps + 1 < found.made) {
      throw error::non_finite("a step before step " + std::to_string(step + 1) +
                              " was not finite; synchronize before a step that is read");
    }
    if (std::isfinite(found.last.loss) && !std::isfinite(found.last.gradient_norm)) {
      const error e = online.gradient_error();
      throw error(e.kind(), "step " + std::to_string(step + 1) + ": " + e.what());
    }
    throw error::non_finite(diagnosis(step, x));
  }

  /// Which tensor made a step non-finite: input, then every arena. Steps are counted from 1 here,
  /// as in the log.
  [[nodiscard]] std::string diagnosis(std::int64_t step, tensor<const real> x) const {
    const std::string at = "step " + std::to_string(step + 1) + " is not finite: ";
    if (!backend_->all_finite(x.data, x.size())) {
      return at + "an input image holds NaN or infinity; check the data set";
    }
    const std::string advice = "; resume from the last checkpoint with a lower `lr`";
    for (const auto& arena : arenas_) {
      for (const auto& p : *arena.list) {
        if (backend_->all_finite(arena.data + p.offset, p.size())) continue;
        return at + arena.prefix + p.name + " holds NaN or infinity" + advice;
      }
    }
    return at + "inputs and weights are finite, so a product overflowed" + advice;
  }

  B* backend_;
  traits about_;
  std::optional<encoder_type> encoder_;
  memory::queue<B>* kept_queue_ = nullptr;
  std::deque<nn::parameter_list> lists_;  ///< of arrays that are no network's
  std::vector<named_arena<real>> arenas_;
  named_arena<real> gradients_;

  buffer<real, typename B::allocator> record_;  ///< of the last step, in backend memory
  std::vector<real> host_record_;               ///< as it was when it was last read
  std::vector<double> losses_;
  step_report last_;
};

}  // namespace triptych::method
