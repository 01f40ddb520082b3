// triptych/data/cifar_inl.hpp
//
// The bodies of cifar.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/cifar.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

TRIPTYCH_INLINE cifar_layout cifar10_layout() {
  return {"cifar10",
          {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
           "data_batch_5.bin"},
          "test_batch.bin",
          10000,
          10000,
          {10},
          {0.4914f, 0.4822f, 0.4465f},
          {0.2470f, 0.2435f, 0.2616f}};
}

TRIPTYCH_INLINE cifar_layout cifar100_layout() {
  return {"cifar100",
          {"train.bin"},
          "test.bin",
          50000,
          10000,
          {20, 100},  // coarse, fine
          {0.5071f, 0.4865f, 0.4409f},
          {0.2673f, 0.2564f, 0.2762f}};
}

TRIPTYCH_INLINE std::int64_t append_cifar_file(const cifar_layout& layout, const fs::path& path,
                                               std::int64_t most_records, std::int64_t limit,
                                               image_set& to) {
  const std::int64_t record = layout.record_bytes();
  const auto bytes = read_file(path, static_cast<std::uintmax_t>(most_records * record));
  const auto size = static_cast<std::int64_t>(bytes.size());
  const std::int64_t records = size / record;
  if (size == 0) {
    throw error::data(path.string() + " is empty (0 bytes); unpack the archive again");
  }
  if (size % record != 0) {
    throw error::data(path.string() + " ends within a record: the one at byte " +
                      std::to_string(records * record) + " has " + std::to_string(size % record) +
                      " of " + std::to_string(record) + " bytes; unpack the archive again");
  }
  const std::int64_t taken = limit > 0 ? std::min(limit, records) : records;
  const std::size_t before = to.pixels.size();
  to.pixels.resize(before + static_cast<std::size_t>(taken) * 3072);
  std::uint8_t* out = to.pixels.data() + before;
  for (std::int64_t i = 0; i < taken; ++i) {
    const std::uint8_t* in = bytes.data() + i * record;
    for (std::size_t l = 0; l < layout.label_bounds.size(); ++l) {
      if (in[l] < layout.label_bounds[l]) continue;
      throw error::data(path.string() + " has label " + std::to_string(in[l]) + " at byte " +
                        std::to_string(i * record + static_cast<std::int64_t>(l)) + " where " +
                        layout.name + " allows 0 to " + std::to_string(layout.label_bounds[l] - 1) +
                        "; check that the file belongs to " + layout.name);
    }
    in += layout.label_bounds.size();
    to.labels.push_back(in[-1]);
    for (std::size_t p = 0; p < 1024; ++p, out += 3) {
      out[0] = in[p];
      out[1] = in[1024 + p];
      out[2] = in[2048 + p];
    }
  }
  return records;
}

TRIPTYCH_INLINE split read_cifar(const cifar_layout& layout, const fs::path& directory,
                                 std::int64_t limit_per_file) {
  split s;
  for (image_set* set : {&s.train, &s.test}) {
    set->name = layout.name;
    set->height = set->width = 32;
    set->classes = layout.classes();
    set->mean = layout.mean;
    set->deviation = layout.deviation;
  }
  std::int64_t expected = 0;
  for (const std::string& name : layout.train_files) {
    const std::int64_t records =
        append_cifar_file(layout, directory / name, layout.train_limit, limit_per_file, s.train);
    if (expected == 0) expected = records;
    if (records != expected) {
      throw error::data((directory / name).string() + " holds " + std::to_string(records) +
                        " records and ends at byte " +
                        std::to_string(records * layout.record_bytes()) + ", while " +
                        layout.train_files.front() + " holds " + std::to_string(expected) +
                        "; one of them is cut short, unpack the archive again");
    }
  }
  append_cifar_file(layout, directory / layout.test_file, layout.test_limit, limit_per_file,
                    s.test);
  return s;
}

}  // namespace triptych::data
