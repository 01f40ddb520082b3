// triptych/data/tiny_imagenet.hpp
//
// TinyImageNet in its official layout: wnids.txt, train/<wnid>/images/*.JPEG, val/images/*.JPEG
// with val/val_annotations.txt. The validation images are the test set; classes go in the sorted
// order of their wnids; grayscale files become RGB.
//
// Source: the CS231N course of Stanford (2015): 200 classes of 500 + 50 images, 64 x 64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/pictures.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// Reads the set below `root`; at most how.limit_per_file images of each class in either split (0:
/// all).
split read_tiny_imagenet(const fs::path& root, const source& how = {}, thread_pool* pool = nullptr);

/// Training and test pictures below `root`.
std::array<std::int64_t, 2> count_tiny_imagenet(const fs::path& root);

namespace known {

inline constexpr data_set tiny_imagenet{
    .name = "tiny_imagenet",
    .classes = 200,
    .side = 64,
    .train = 100000,
    .test = 10000,
    .mark = "wnids.txt",
    .unpacked = "tiny-imagenet-200",
    .obtain = "download http://cs231n.stanford.edu/tiny-imagenet-200.zip and unpack it there, or "
              "give its directory with `data-dir`",
    .read = [](const source& s, const fs::path& dir,
               thread_pool* pool) { return read_tiny_imagenet(dir, s, pool); },
    .count = count_tiny_imagenet};

}  // namespace known

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/tiny_imagenet_inl.hpp>
#endif
