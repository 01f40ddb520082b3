// apps/triptych/report/gallery.hpp
//
// Images side by side: what training makes of them, and which training images an encoder finds most
// like a test image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <triptych/data/image_set.hpp>
#include <triptych/eval/features.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

/// Some training images, the views that the run's method makes of each, and the patches that it
/// cuts, where it does.
std::string contact_sheet(const data::image_set& set, const train_options& run, bool patches);

/// Test images that are not chosen by how well they fare: the first of each class, then the second,
/// up to `count`; of more classes than that, of evenly spaced ones.
std::vector<std::int64_t> example_images(const std::vector<std::int32_t>& labels, int classes,
                                         std::size_t count);

/// A test image and the training images nearest to it.
struct neighbor_row {
  std::int64_t image = 0;
  std::vector<std::int64_t> nearest;
};

/// Rows of images; a neighbor of another class is marked with a cross.
std::string neighbor_gallery(const data::split& images, const std::vector<neighbor_row>& rows,
                             const std::vector<std::string>& class_names, int size);

/// Images of a set in one JPEG, 32 in a row, for the page's script to show one of them; empty where
/// this program makes none.
std::string image_sprite(const data::image_set& set, const std::vector<std::int64_t>& images,
                         int size);

}  // namespace triptych::app
