// apps/triptych/collapse_rule.hpp
//
// When projections count as collapsed: one rule for what training warns of and what a report says
// and draws. The health is their spread as a share of that of directions which fill the sphere
// evenly.
#pragma once

#include <algorithm>

namespace triptych::app {

/// Half of the widest spread counts as lost: a BatchNorm at the projector's end keeps the rest of
/// it up, even where all that is left is noise (SimSiam without a predictor).
class collapse_rule {
 public:
  /// Whether the projections are collapsed after this measurement. What was lost is regained a bit
  /// above the level at which it was lost.
  bool add(double health) {
    constexpr double regained = 0.6;
    widest_ = std::max(widest_, health);
    collapsed_ = health < (collapsed_ ? std::max(least, regained * widest_) : level());
    return collapsed_;
  }

  /// Below this health the spread is lost.
  [[nodiscard]] double level() const { return std::max(least, lost * widest_); }

  [[nodiscard]] bool collapsed() const { return collapsed_; }
  [[nodiscard]] double widest() const { return widest_; }  ///< health that was added

 private:
  static constexpr double least = 0.1, lost = 0.5;
  double widest_ = 0;
  bool collapsed_ = false;
};

}  // namespace triptych::app
