// Features for the evaluation tests: one Gaussian cloud per class.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/core/philox.hpp>
#include <triptych/eval/features.hpp>

#include "support/seed.hpp"

/// `size` rows, classes in turn; centers (the same for every `part`) are standard normal times
/// `distance`, rows lie around them with deviation 1.
inline triptych::eval::feature_set clouds(std::int64_t size, int dim, int classes, float distance,
                                          std::uint32_t part) {
  using triptych::random_stream;
  triptych::eval::feature_set set{size, dim, classes, {}, {}};
  random_stream noise(triptych::test::seeded(5), triptych::stream::procedural, 1, part);
  for (std::int64_t i = 0; i < size; ++i) {
    const auto label = static_cast<std::int32_t>(i % classes);
    random_stream center(triptych::test::seeded(5), triptych::stream::procedural, 0,
                         static_cast<std::uint32_t>(label));
    for (int d = 0; d < dim; ++d) {
      set.values.push_back(distance * center.normal() + noise.normal());
    }
    set.labels.push_back(label);
  }
  return set;
}
