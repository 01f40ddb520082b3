// apps/triptych/report/patch_map.hpp
//
// The picture of a method that learns from patches: how similar what it makes of some patches
// together (of two of four, say) is to what it makes of the whole image. These are the two sides
// that its loss compares, of one and the same image as it is, by running statistics:
//
//   mncl       c, of the stop-gradient network, and p, of the online network
//   fast_moco  p, of the online network, and z, of the momentum network
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/io/checkpoint.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

struct patch_similarities {
  std::vector<std::int64_t> images;          ///< (M) of the set
  int grid = 2;                              ///< patches on a side
  std::vector<std::vector<int>> subsets;     ///< (S) patches that are averaged, row by row from 0
  std::vector<std::vector<double>> cosines;  ///< (M, S)
};

/// How many subsets of `k` patches a grid has: C(grid^2, k), or any larger number than `most` where
/// there are more than that.
std::int64_t subset_count(int grid, int k, std::int64_t most);

/// Whether the method of a run compares patches with whole images.
bool compares_patches(const train_options& run);

/// Of `images` of a set that is normalized as in training. Throws error::checkpoint where the
/// checkpoint does not hold the networks that its configuration says.
patch_similarities similarities_of(const io::loaded_checkpoint& saved, const train_options& run,
                                   const data::image_set& set, std::vector<std::int64_t> images,
                                   backend::eigen<>& backend, thread_pool& pool);

/// A row for each image, a column for each subset; the most similar one of a row is framed.
std::string patch_figure(const patch_similarities& found, const data::image_set& set, int size);

}  // namespace triptych::app
