// triptych/method/barlow_twins.hpp
//
// Barlow Twins (Zbontar, Jing, Misra, LeCun, Deny, "Barlow Twins: self-supervised learning via
// redundancy reduction", 2021), algorithm 1:
//
//   z1, z2   = online(x1), online(x2)                     encoder and projector, no predictor
//   y1, y2   = z1, z2 with mean 0 and variance 1 in every column of a batch
//   C        = y1^T y2 / N                                (P, P), the cross-correlation of the columns
//   minimize   sum_i (1 - C_ii)^2  +  lambda sum_{i != j} C_ij^2      invariance + lambda redundancy
//
// Both views carry gradient. The authors' projector has no BatchNorm behind its last layer
// (nn::head_norm::hidden). Cost: 6 encoder forwards an image, and three products with a P x P
// matrix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/options.hpp>
#include <triptych/kernels/elementwise.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/method/loss_values.hpp>
#include <triptych/method/policies.hpp>
#include <triptych/method/unit_rows.hpp>
#include <triptych/network/branches.hpp>
#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::method {

/// Entry i of C (P, P), row-major: its terms of the sums, and dL/dC in its place.
template <class T>
struct redundancy_terms {
  std::size_t columns;
  T lambda;
  T *correlation, *invariance, *redundancy;  ///< (P, P), (P), (P, P)

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const T c = correlation[i];
    const bool diagonal = i / columns == i % columns;
    if (diagonal) invariance[i / columns] = (T(1) - c) * (T(1) - c);
    redundancy[i] = diagonal ? T(0) : c * c;
    correlation[i] = diagonal ? T(-2) * (T(1) - c) : T(2) * lambda * c;
  }
};

template <Backend B, class Policies>
class barlow_twins;

struct barlow_twins_options {
  static constexpr traits about{.name = "barlow_twins",
                                .title = "Barlow Twins",
                                .views = 2,
                                .cost = 6,
                                .terms = {"invariance", "redundancy"}};
  template <class B, class Policies = policies>
  using method = barlow_twins<B, Policies>;
  template <class T>
  using launches = kernels::launch_list<redundancy_terms<T>>;

  double redundancy_weight = 0.0051;  ///< lambda; the authors'

  template <class Visit>
  static void describe(Visit&& option) {
    option("redundancy-weight", &barlow_twins_options::redundancy_weight, allowed::not_negative,
           "of redundancy");
  }
};

template <Backend B, class Policies = policies>
class barlow_twins : public learner<B, typename Policies::architecture> {
  using base = learner<B, typename Policies::architecture>;

 public:
  using typename base::real;
  using architecture = typename Policies::architecture;
  using online_type =
      online_network<B, typename Policies::online_update, patches::whole, architecture>;

  barlow_twins(B& backend, const architecture& layers, const barlow_twins_options& options,
               std::uint64_t seed, const policy_values<Policies>& values = {})
      : base(backend, barlow_twins_options::about), options_(options),
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

    normalized_.clear();
    const nn::pass<B> pass{.backend = backend, .tape = &normalized_};
    const nn::batch_norm columns{.channels = z.shape.channels, .affine = false};
    const auto copy = pass.take(z.shape), y = pass.take(z.shape), dy = pass.take(z.shape);
    backend.copy(z.data, z.size(), copy.data);  // the way back writes over what was normalized
    columns.forward(pass, copy, nullptr, false, y);

    const std::int64_t n = z.shape.images / 2, p = z.shape.channels;
    const real each = real(1) / static_cast<real>(n * ranks::count(backend)), none = 0;
    const auto lambda = static_cast<real>(options_.redundancy_weight);
    const auto c = pass.take(features(p, z.shape.channels)), off = pass.take(c.shape);
    const auto on = pass.take(features(1, z.shape.channels));
    const auto y1 = view_of(y, 2, 0), y2 = view_of(y, 2, 1);
    const auto d1 = view_of(dy, 2, 0), d2 = view_of(dy, 2, 1);
    const loss_values<B, 2> terms(backend);
    backend.gemm(transpose::yes, transpose::no, p, p, n, each, y1.data, y2.data, none, c.data);
    ranks::add_up(backend, c.data, c.size());
    backend.each(c.size(), redundancy_terms<real>{on.size(), lambda, c.data, on.data, off.data});
    backend.mean(on.data, on.size(), static_cast<real>(p), terms[0]);
    backend.mean(off.data, off.size(), static_cast<real>(p * p), terms[1]);
    backend.gemm(transpose::no, transpose::yes, n, p, p, each, y2.data, c.data, none, d1.data);
    backend.gemm(transpose::no, transpose::no, n, p, p, each, y1.data, c.data, none, d2.data);
    return this->descend(online_, {.projection = columns.backward(pass, dy).dx}, x, options, terms);
  }

  /// Of unrelated rows a correlation is 0 on average, its square 1 / N.
  [[nodiscard]] double expected_initial_loss(std::int64_t n) const override {
    const double p = online_.architecture().projector.out(), square = 1 / static_cast<double>(n);
    return p * (1 + square) + options_.redundancy_weight * p * (p - 1) * square;
  }

 protected:
  [[nodiscard]] step_report reported(const loss_list& t) const override {
    return {.loss = t[0] + options_.redundancy_weight * t[1], .terms = {t[0], t[1]}};
  }

 private:
  barlow_twins_options options_;
  online_type online_;
  nn::tape normalized_;
};

}  // namespace triptych::method
