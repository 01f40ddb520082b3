// triptych/io/safetensors_reading.hpp
//
// Reads safetensors files (safetensors.hpp), and compares what is in them with what is expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors_format.hpp>

namespace triptych::io {

/// One tensor of a file; its bytes are [begin, end) of the data that follow the header.
struct tensor_info {
  std::string name;
  dtype type = dtype::f32;
  tensor_shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// How many numbers a tensor has; from its bytes, for a product of extents may overflow on the way
/// to 0.
inline std::uint64_t count_of(const tensor_info& tensor) {
  return (tensor.end - tensor.begin) * 8 / bits_of(tensor.type);
}

/// Everything but the data.
struct safetensors_header {
  std::string file;                  ///< for messages
  std::vector<tensor_info> tensors;  ///< in the order of their bytes
  metadata_map metadata;
  std::uint64_t data_offset = 0;                       ///< where the data begin in the file
  std::unordered_map<std::string, std::size_t> index;  ///< name to position in `tensors`

  [[nodiscard]] const tensor_info* find(std::string_view name) const;

  /// Like `find`, but a missing tensor throws error::checkpoint.
  [[nodiscard]] const tensor_info& at(std::string_view name) const;
};

/// Reads and checks a file's header alone. Throws error::checkpoint (not a sound safetensors file)
/// and error::io (cannot be read).
safetensors_header read_safetensors_header(const input_file& file);

safetensors_header read_safetensors_header(const fs::path& path);

/// A whole file in memory, checked.
class safetensors_file {
 public:
  /// Reads `path`. Throws error::checkpoint (not a sound safetensors file) and error::io.
  static safetensors_file open(const fs::path& path);

  /// Takes a file's bytes; `name` is for messages. Throws error::checkpoint.
  static safetensors_file parse(const std::string& name, file_bytes bytes);

  [[nodiscard]] const safetensors_header& header() const noexcept { return header_; }
  [[nodiscard]] const metadata_map& metadata() const noexcept { return header_.metadata; }
  [[nodiscard]] bool contains(std::string_view name) const { return header_.find(name) != nullptr; }

  /// A missing tensor throws error::checkpoint.
  [[nodiscard]] const tensor_info& info(std::string_view name) const { return header_.at(name); }

  /// The names, in the order of their bytes.
  [[nodiscard]] std::vector<std::string> names() const;

  /// A tensor's bytes, row-major and little-endian; not necessarily aligned.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const;

  /// Copies a tensor into `target`. Another dtype or number of elements throws error::checkpoint.
  template <class Number>
  void copy_to(std::string_view name, std::span<Number> target) const {
    const tensor_info& tensor = info(name);
    const auto source = bytes(name);
    if (tensor.type != dtype_of<Number>() || source.size() != target.size_bytes()) {
      throw error::checkpoint(header_.file + ": the tensor " + shown(name) + " is " +
                              describe(tensor.type, tensor.shape) + " where " +
                              std::to_string(target.size()) + " elements of " +
                              std::string(name_of(dtype_of<Number>())) +
                              " are needed; give a file that was written for this purpose");
    }
    if (!source.empty()) std::memcpy(target.data(), source.data(), source.size());
  }

  /// A copy of a tensor's elements. Another dtype throws error::checkpoint.
  template <class Number>
  [[nodiscard]] std::vector<Number> values(std::string_view name) const {
    std::vector<Number> copy(bytes(name).size() / sizeof(Number));
    copy_to(name, std::span(copy));
    return copy;
  }

 private:
  safetensors_file(safetensors_header header, file_bytes data, std::size_t data_begin)
      : header_(std::move(header)), data_(std::move(data)), data_begin_(data_begin) {}

  safetensors_header header_;
  file_bytes data_;
  std::size_t data_begin_;  // of the tensors' bytes in data_
};

/// How a file differs from what is expected, as one clause that lists missing, unexpected and
/// mismatched tensors (the first few of each); empty if it does not. `expected` is any range of
/// things with a name, a type and a shape.
template <class Expected>
std::string difference(const Expected& expected, const safetensors_header& header) {
  struct group {
    std::size_t count = 0;
    std::string names;

    void add(const std::string& item) {
      constexpr std::size_t named = 4;
      if (count < named) names += (count == 0 ? "" : ", ") + item;
      if (count == named) names += ", ...";
      ++count;
    }
  };
  group missing, unexpected, mismatched;
  std::unordered_set<std::string_view> wanted;
  for (const auto& tensor : expected) {
    wanted.insert(tensor.name);
    const tensor_info* found = header.find(tensor.name);
    if (found == nullptr) {
      missing.add(shown(tensor.name));
    } else if (found->type != tensor.type || found->shape != tensor.shape) {
      mismatched.add(shown(tensor.name) + " is " + describe(found->type, found->shape) + ", not " +
                     describe(tensor.type, tensor.shape));
    }
  }
  for (const tensor_info& tensor : header.tensors) {
    if (!wanted.contains(tensor.name)) unexpected.add(shown(tensor.name));
  }
  std::string text;
  const auto append = [&](const group& items, const char* label) {
    if (items.count == 0) return;
    text += (text.empty() ? "" : "; ") + std::to_string(items.count) + " " + label + " (" +
            items.names + ")";
  };
  append(missing, "missing");
  append(unexpected, "unexpected");
  append(mismatched, "mismatched");
  return text;
}

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/safetensors_reading_inl.hpp>
#endif
