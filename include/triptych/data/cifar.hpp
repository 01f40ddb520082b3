// triptych/data/cifar.hpp
//
// CIFAR-10 and CIFAR-100 in their binary version: fixed records of one or two label bytes and 3,072
// pixel bytes, the red plane first. Files may hold fewer records than the originals, never more.
//
// Source: Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
// A file cut within a record is always refused. One cut exactly between two records is a valid
// shorter file; it is refused where it then differs from its four sister files of CIFAR-10.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// What distinguishes the two sets. The label that counts is the last label byte of a record.
struct cifar_layout {
  const char* name;
  std::vector<std::string> train_files;
  std::string test_file;
  std::int64_t train_limit, test_limit;  ///< records a file may have
  std::vector<int> label_bounds;         ///< one bound per label byte
  std::array<float, 3> mean, deviation;

  [[nodiscard]] int classes() const { return label_bounds.back(); }
  [[nodiscard]] std::int64_t record_bytes() const {
    return static_cast<std::int64_t>(label_bounds.size()) + 3072;
  }
};

cifar_layout cifar10_layout();
cifar_layout cifar100_layout();

/// Appends the first `limit` records (0: all) of a file to `to`; returns how many the file holds.
/// error::data naming file and byte for anything that is not whole records with labels in range.
std::int64_t append_cifar_file(const cifar_layout& layout, const fs::path& path,
                               std::int64_t most_records, std::int64_t limit, image_set& to);

/// Reads both sets from the directory that holds the .bin files; `limit_per_file` > 0 takes the
/// first records of each file.
split read_cifar(const cifar_layout& layout, const fs::path& directory,
                 std::int64_t limit_per_file = 0);

namespace known {

inline constexpr data_set cifar10{
    .name = "cifar10",
    .classes = 10,
    .side = 32,
    .train = 50000,
    .test = 10000,
    .mark = "data_batch_1.bin",
    .unpacked = "cifar-10-batches-bin",
    .obtain =
        "download cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and "
        "unpack it there, or give its directory with `data-dir`",
    .read = [](const source& s, const fs::path& dir, thread_pool*) {
      return read_cifar(cifar10_layout(), dir, s.limit_per_file);
    }};
inline constexpr data_set cifar100{
    .name = "cifar100",
    .classes = 100,
    .side = 32,
    .train = 50000,
    .test = 10000,
    .mark = "train.bin",
    .unpacked = "cifar-100-binary",
    .obtain =
        "download cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and "
        "unpack it there, or give its directory with `data-dir`",
    .read = [](const source& s, const fs::path& dir, thread_pool*) {
      return read_cifar(cifar100_layout(), dir, s.limit_per_file);
    }};

}  // namespace known

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/cifar_inl.hpp>
#endif
