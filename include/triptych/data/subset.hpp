// triptych/data/subset.hpp
//
// A part of an image set: chosen images without a copy of their pixels, and how a share of every
// class is drawn.
//
// N images of the set, M chosen ones. Cost: 12 M bytes; a look-up more an image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/data/image_set.hpp>

namespace triptych::data {

/// The images `chosen` (M), indices into `set`, in this order, with its name, classes and
/// normalization. It reads them from `set`, which must outlive it. error::usage for an index that
/// `set` does not have.
image_set subset(const image_set& set, std::vector<std::int64_t> chosen);

/// Indices into the labels, ascending; none is in both.
struct drawn_share {
  std::vector<std::int64_t> drawn, rest;
};

/// Draws `share` of the images of each class, rounded to whole images; a share below 1 leaves at
/// least one image of a class to each part, and the only one of a class is drawn. Images without a
/// label (-1) are in neither part. A function of (labels, share, seed). error::usage unless
/// 0 < share <= 1.
drawn_share draw_share(std::span<const std::int32_t> labels, double share, std::uint64_t seed);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/subset_inl.hpp>
#endif
