// triptych/data/stl10.hpp
//
// STL-10 in its binary version: 5,000 + 8,000 labeled images of 96 x 96 and 100,000 without a
// label, which are training images like the others and come after them. Pixels are stored by
// channel and column, labels from 1 on. Files may hold fewer images than the originals, never more;
// without unlabeled_X.bin the labeled ones are all. The normalization is measured on the labeled
// training images.
//
// Source: Coates, Ng, Lee, "An analysis of single-layer networks in unsupervised feature learning"
// (AISTATS 2011).
#pragma once

#include <array>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// Reads the directory that holds the .bin files; how.limit_per_file > 0 takes the first images of
/// each. Images beyond how.memory are read when they are needed.
split read_stl10(const fs::path& directory, const source& how = {});

/// Training images, with and without a label, and test images.
std::array<std::int64_t, 2> count_stl10(const fs::path& directory);

namespace known {

inline constexpr data_set stl10{
    .name = "stl10",
    .classes = 10,
    .side = 96,
    .train = 105000,
    .test = 8000,
    .mark = "train_X.bin",
    .unpacked = "stl10_binary",
    .obtain =
        "download stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/ and unpack it "
        "there, or give its directory with `data-dir`",
    .read = [](const source& s, const fs::path& dir, thread_pool*) { return read_stl10(dir, s); },
    .count = count_stl10};

}  // namespace known

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/stl10_inl.hpp>
#endif
