// triptych/data/subset_inl.hpp
//
// The bodies of subset.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/shuffle.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/subset.hpp>

namespace triptych::data {

TRIPTYCH_INLINE image_set subset(const image_set& set, std::vector<std::int64_t> chosen) {
  image_set part{.name = set.name,
                 .height = set.height,
                 .width = set.width,
                 .classes = set.classes,
                 .mean = set.mean,
                 .deviation = set.deviation,
                 .class_names = set.class_names};
  part.labels.reserve(chosen.size());
  for (const std::int64_t i : chosen) {
    if (i < 0 || i >= set.size()) {
      throw error::usage("subset: image " + std::to_string(i) + " of the set " + set.name +
                         ", which has " + std::to_string(set.size()) +
                         "; choose images that it has");
    }
    part.labels.push_back(set.labels[static_cast<std::size_t>(i)]);
  }
  part.read = [&set, indices = std::make_shared<const std::vector<std::int64_t>>(
                         std::move(chosen))](std::int64_t i, std::vector<std::uint8_t>& memory) {
    return set.image((*indices)[static_cast<std::size_t>(i)], memory);
  };
  return part;
}

TRIPTYCH_INLINE drawn_share draw_share(std::span<const std::int32_t> labels, double share,
                                       std::uint64_t seed) {
  if (!(share > 0 && share <= 1)) {
    throw error::usage("the share of the images of a class is " + std::to_string(share) +
                       "; give one above 0 and at most 1");
  }
  std::map<std::int32_t, std::vector<std::int64_t>> classes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0) classes[labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  drawn_share parts;
  for (const auto& [label, members] : classes) {
    std::vector<std::int64_t> order(members.size());
    triptych::shuffle(std::span(order),
                      random_stream(seed, stream::subset, static_cast<std::uint32_t>(label)));
    const auto n = static_cast<std::int64_t>(members.size());
    const std::int64_t most = share < 1 ? std::max<std::int64_t>(1, n - 1) : n;
    const std::int64_t count =
        std::clamp<std::int64_t>(std::llround(share * static_cast<double>(n)), 1, most);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
      (i < count ? parts.drawn : parts.rest).push_back(members[at]);
    }
  }
  std::sort(parts.drawn.begin(), parts.drawn.end());
  std::sort(parts.rest.begin(), parts.rest.end());
  return parts;
}

}  // namespace triptych::data
