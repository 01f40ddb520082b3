// triptych/network/weights.hpp
//
// The numbers of a network and how its update policy moves them: weights that are its own or a
// peer's, their gradients and the optimizer's state where it learns by them, running statistics.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/config.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/update/policy.hpp>

namespace triptych {

template <class B, class Update>
class network_weights {
  static_assert(Backend<B>, "B must be a backend; see docs/policies/backend.md");
  static_assert(WeightUpdate<Update>,
                "Update must be a weight-update policy; see docs/policies/weight_update.md");
  static_assert(DescentUpdate<Update, B>,
                "an update from the gradient has an `optimizer` and a bound `clip_norm`; see "
                "docs/policies/weight_update.md");
  static_assert(Update::from != update::source::peer || PeerUpdate<Update, B>,
                "an update from a peer is called as update(backend, peer, n, own, step); see "
                "docs/policies/weight_update.md");

 public:
  using backend_type = B;
  using real = typename B::real;
  using allocator = typename B::allocator;

  static constexpr bool owns_weights = Update::from != update::source::alias;
  static constexpr bool owns_gradients = Update::from == update::source::gradient;

  /// For the tensors that the layers of `architecture` declare here.
  template <class Architecture>
  network_weights(B& backend, Architecture& architecture, Update update)
      : backend_(&backend), update_(std::move(update)) {
    nn::declaration d;
    predictor_begin_ = architecture.declare(d);
    weight_list_ = std::move(d.weights);
    statistic_list_ = std::move(d.statistics);
    statistics_ = zeros(statistic_list_.size(), "running statistics");
    const auto fresh = nn::initial_values<real>(statistic_list_, 0);
    backend_->upload(fresh.data(), fresh.size(), statistics_.data());
    if constexpr (owns_weights) weights_ = zeros(weight_list_.size(), "weights");
    if constexpr (owns_gradients) {
      gradients_ = zeros(weight_list_.size(), "gradients of the weights");
      for (std::size_t i = 0; i < update::optimizer::state_names(update_.optimizer).size(); ++i) {
        state_arrays_.push_back(zeros(weight_list_.size(), "the optimizer's state"));
        optimizer_state_.push_back(state_arrays_.back().data());
      }
    }
  }

  // -- where they come from -----------------------------------------------------------------------

  /// Fresh weights from a seed (method.md section 1: He for convolutions, PyTorch's for linear).
  void initialize(std::uint64_t seed) requires owns_weights {
    const auto values = nn::initial_values<real>(weight_list_, seed);
    backend_->upload(values.data(), values.size(), weights_.data());
  }

  /// The weights of a peer whose arena begins with this network's tensors.
  template <class Peer>
  void copy_weights(const Peer& peer) requires owns_weights {
    expect_prefix(peer);
    backend_->copy(peer.weights(), weight_list_.size(), weights_.data());
  }

  /// Reads its weights from `peer` from now on; the peer must outlive this network.
  template <class Peer>
  void alias(const Peer& peer) requires(!owns_weights) {
    expect_prefix(peer);
    peer_weights_ = peer.weights();
  }

  /// Keeps its running statistics in `peer`'s instead of its own (the `released` variant).
  template <class Peer>
  void share_statistics(Peer& peer) {
    shared_statistics_ = peer.statistics();
  }

  // -- where they are -----------------------------------------------------------------------------

  [[nodiscard]] const real* weights() const {
    if constexpr (owns_weights) return weights_.data();
    return peer_weights_;
  }
  [[nodiscard]] real* weights() requires owns_weights { return weights_.data(); }
  [[nodiscard]] real* gradients() requires owns_gradients { return gradients_.data(); }
  /// The optimizer's arrays, in the order of state_names(optimizer), each as long as the weights.
  [[nodiscard]] update::optimizer::state_of<B> optimizer_state() requires owns_gradients {
    return optimizer_state_;
  }
  [[nodiscard]] real* statistics() {
    return shared_statistics_ != nullptr ? shared_statistics_ : statistics_.data();
  }
  [[nodiscard]] bool shares_statistics() const { return shared_statistics_ != nullptr; }

  [[nodiscard]] const nn::parameter_list& weight_list() const { return weight_list_; }
  [[nodiscard]] const nn::parameter_list& statistic_list() const { return statistic_list_; }
  [[nodiscard]] std::size_t predictor_begin() const { return predictor_begin_; }
  [[nodiscard]] const Update& update_policy() const { return update_; }
  [[nodiscard]] B& backend() const { return *backend_; }

  // -- how they move ------------------------------------------------------------------------------

  void zero_gradients() requires owns_gradients {
    backend_->fill(gradients_.data(), gradients_.size(), real(0));
  }

  /// One step of the optimizer, number `step` of the run, counted from 0. Layers whose rate is 0
  /// rest: neither weights nor the optimizer's state change. The gradient's norm before clipping,
  /// theirs too, goes to `norm`, one number in backend memory; where it is not finite the gate
  /// closes and no weight moves.
  void update(double learning_rate, double predictor_learning_rate, std::int64_t step,
              real* norm) requires owns_gradients {
    const arena_frame scope(backend_->arena());
    real* const scale = backend_->arena().template take<real>(1);
    backend_->norm(gradients_.data(), gradients_.size(), norm);
    backend_->close_gate_unless_finite(norm, 1);
    backend_->clip(update_.clip_norm, norm, scale);
    using group_type = update::optimizer::parameter_group;
    for (const auto& group :
         {group_type{0, predictor_begin_, learning_rate, step},
          group_type{predictor_begin_, weight_list_.size(), predictor_learning_rate, step}}) {
      if (group.begin == group.end || group.learning_rate == 0) continue;
      update_.optimizer.step(*backend_, weight_list_, group, static_cast<const real*>(scale),
                             static_cast<const real*>(gradients_.data()), optimizer_state(),
                             weights_.data());
    }
  }

  /// Moves the weights after those of a peer.
  template <class Peer>
  void update(const Peer& peer, std::int64_t step) requires(Update::from == update::source::peer) {
    expect_prefix(peer);
    update_(*backend_, peer.weights(), weight_list_.size(), weights_.data(), step);
  }

  /// What is thrown for a gradient that is not finite: names a tensor.
  [[nodiscard]] error gradient_error() const {
    return error::non_finite("the gradient of " +
                             first_non_finite(weight_list_, gradients_.data(), "some tensor") +
                             " is not finite; check the input, or resume from the last checkpoint "
                             "with a lower `lr`");
  }

  /// The first tensor of `list` in `arena` that holds NaN or infinity; `otherwise` if none does.
  [[nodiscard]] std::string first_non_finite(const nn::parameter_list& list, const real* arena,
                                             const std::string& otherwise) const {
    for (const auto& p : list) {
      if (!backend_->all_finite(arena + p.offset, p.size())) return p.name;
    }
    return otherwise;
  }

 private:
  using array = buffer<real, allocator>;

  [[nodiscard]] array zeros(std::size_t n, const char* purpose) const {
    array a(n, purpose);
    backend_->fill(a.data(), n, real(0));
    return a;
  }

  template <class Peer>
  void expect_prefix(const Peer& peer) const {
    const auto matches = [](const nn::parameter& a, const nn::parameter& b) {
      return a.name == b.name && a.shape == b.shape && a.offset == b.offset;
    };
    if (peer.weight_list().tensors() < weight_list_.tensors() ||
        !std::equal(weight_list_.begin(), weight_list_.end(), peer.weight_list().begin(),
                    matches)) {
      throw error::usage("network: the peer's weights do not begin with this network's; build both "
                         "from one architecture");
    }
  }

  B* backend_;
  Update update_;
  nn::parameter_list weight_list_, statistic_list_;
  std::size_t predictor_begin_ = 0;
  array weights_, gradients_, statistics_;
  std::vector<array> state_arrays_;
  std::vector<real*> optimizer_state_;  ///< where they are
  const real* peer_weights_ = nullptr;
  real* shared_statistics_ = nullptr;
};

}  // namespace triptych
