// triptych/eval/label_fraction.hpp
//
// A share of the labels: which training rows keep theirs, as many of each class as its share of all
// rows asks for. For judging features by few labels.
//
// N rows, C classes. Source: the protocol of 1 % and 10 % of the labels, Chen, Kornblith, Norouzi,
// Hinton, "A simple framework for contrastive learning of visual representations" (ICML 2020),
// section 4. Cost: one random number a row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/shuffle.hpp>
#include <triptych/eval/features.hpp>

namespace triptych::eval {

/// The rows that keep their label, ascending: of each class `fraction` of its rows, rounded, and at
/// least one of a class that has any. They depend on the labels, the fraction and the seed alone,
/// and a larger fraction by the same seed holds those of a smaller one. Throws error::usage for a
/// fraction outside (0, 1], error::data for labels outside [0, C).
inline std::vector<std::int64_t> draw_labels(std::span<const std::int32_t> labels, int classes,
                                             double fraction, std::uint64_t seed) {
  if (!(fraction > 0 && fraction <= 1)) {
    throw error::usage("share of the labels: " + std::to_string(fraction) +
                       " is no fraction above 0 and up to 1; 0.01 and 0.1 are usual");
  }
  check_labels(static_cast<std::int64_t>(labels.size()), 1, classes, labels, "training labels");
  std::vector<std::vector<std::int64_t>> of_class(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    of_class[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> kept, order;
  for (std::size_t c = 0; c < of_class.size(); ++c) {
    const auto& rows = of_class[c];
    if (rows.empty()) continue;
    order.resize(rows.size());
    triptych::shuffle(std::span(order), {seed, stream::evaluate, static_cast<std::uint32_t>(c), 1});
    const auto wanted = std::llround(fraction * static_cast<double>(rows.size()));
    const auto count = static_cast<std::size_t>(std::max(1LL, wanted));
    for (std::size_t i = 0; i < count; ++i) {
      kept.push_back(rows[static_cast<std::size_t>(order[i])]);
    }
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

/// Those rows of a set, in their order. Throws error::usage where there is no such row.
inline feature_set chosen_rows(const feature_set& set, std::span<const std::int64_t> rows) {
  feature_set chosen{static_cast<std::int64_t>(rows.size()), set.dim, set.classes, {}, {}};
  chosen.values.reserve(rows.size() * static_cast<std::size_t>(set.dim));
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= set.size) {
      throw error::usage("chosen rows: there is no row " + std::to_string(row) + " among " +
                         std::to_string(set.size) + "; choose from the labels of this set");
    }
    chosen.values.insert(chosen.values.end(), set.row(row), set.row(row) + set.dim);
    chosen.labels.push_back(set.labels[static_cast<std::size_t>(row)]);
  }
  return chosen;
}

}  // namespace triptych::eval
