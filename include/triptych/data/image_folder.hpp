// triptych/data/image_folder.hpp
//
// A directory of pictures as a data set: which of them are its images picture_tree.hpp says. Images
// keep their sizes; their normalization is measured on the training images.
#pragma once

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/pictures.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// Reads the tree below `root`, at most how.limit_per_file pictures of each class (0: all).
split read_image_folder(const fs::path& root, const source& how = {}, thread_pool* pool = nullptr);

namespace known {

inline constexpr data_set folder{
    .name = "folder",
    .place = place::given,
    .obtain = "give a directory of images with `data-dir`",
    .read = [](const source& s, const fs::path& dir, thread_pool* pool) {
      return read_image_folder(dir, s, pool);
    }};

}  // namespace known

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/image_folder_inl.hpp>
#endif
