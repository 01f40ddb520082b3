// triptych/io/safetensors_reading_inl.hpp
//
// The bodies of safetensors_reading.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors_format.hpp>
#include <triptych/io/safetensors_reading.hpp>

namespace triptych::io {

TRIPTYCH_INLINE const tensor_info* safetensors_header::find(std::string_view name) const {
  const auto found = index.find(std::string(name));
  return found == index.end() ? nullptr : &tensors[found->second];
}

TRIPTYCH_INLINE const tensor_info& safetensors_header::at(std::string_view name) const {
  if (const tensor_info* info = find(name)) return *info;
  throw error::checkpoint(file + ": the tensor " + shown(name) +
                          " is missing; give a file that was written for this purpose");
}

namespace detail {

/// Checks a header step by step and says at which byte and tensor it breaks the format.
class header_reader {
 public:
  header_reader(const std::string& file, std::uint64_t file_size)
      : file_(file), file_size_(file_size) {}

  /// The header's length in bytes, from the first eight of the file.
  [[nodiscard]] std::uint64_t length(std::span<const std::byte> bytes) const {
    if (file_size_ < 8 || bytes.size() < 8) {
      throw refuse("it is " + std::to_string(file_size_) +
                   " bytes long, too short for the 8-byte header length at byte 0");
    }
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    // PyTorch's files are archives (a zip begins with PK) or bare pickles (with 0x80).
    constexpr std::uint64_t zip = 0x04034b50, pickle = 0x80;
    if ((length & 0xffffffff) == zip || ((length & 0xff) == pickle && length > longest_header)) {
      throw error::checkpoint(file_ +
                              ": it looks like a file of torch.save, which can run programs when "
                              "it is read; make safetensors of it: python3 tools/convert_pth.py "
                              "FILE");
    }
    if (length > longest_header) {
      throw refuse("the header length at byte 0 is " + std::to_string(length) +
                   ", above the limit of 100,000,000 bytes");
    }
    if (length > file_size_ - 8) {
      throw refuse("the header length at byte 0 is " + std::to_string(length) + ", but only " +
                   std::to_string(file_size_ - 8) + " bytes follow");
    }
    return length;
  }

  [[nodiscard]] safetensors_header parse(std::string_view text) const {
    safetensors_header header;
    header.file = file_;
    header.data_offset = 8 + text.size();
    visit_json_object(text, file_, advice, 8,
                      [&](const std::string& name, const nlohmann::json& entry) {
                        if (name == "__metadata__") {
                          header.metadata = metadata(entry);
                          return;
                        }
                        if (header.tensors.size() == most_tensors) {
                          throw refuse("the header at byte 8 lists too many tensors");
                        }
                        header.tensors.push_back(tensor(name, entry));
                      });
    check_layout(header);
    for (std::size_t i = 0; i < header.tensors.size(); ++i) {
      header.index.emplace(header.tensors[i].name, i);
    }
    return header;
  }

 private:
  static constexpr const char* advice = "use another copy of the file";

  [[nodiscard]] error refuse(const std::string& what) const {
    return error::checkpoint(file_ + ": " + what + "; " + advice);
  }

  [[nodiscard]] error refuse(const std::string& name, const std::string& what) const {
    return refuse("in the header at byte 8, the tensor " + shown(name) + " " + what);
  }

  [[nodiscard]] metadata_map metadata(const nlohmann::json& entry) const {
    if (!entry.is_object()) throw refuse("in the header at byte 8, __metadata__ is no object");
    metadata_map map;
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) {
        throw refuse("in the header at byte 8, the metadata " + shown(key) + " is no string");
      }
      map.emplace(key, value.template get<std::string>());
    }
    return map;
  }

  [[nodiscard]] tensor_info tensor(const std::string& name, const nlohmann::json& entry) const {
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
        !entry.contains("shape") || !entry.contains("data_offsets")) {
      throw refuse(name, "does not have exactly dtype, shape and data_offsets");
    }
    tensor_info info;
    info.name = name;
    info.type = type(name, entry["dtype"]);

    const auto& shape = entry["shape"];
    if (!shape.is_array() || shape.size() > most_dimensions) {
      throw refuse(name, "has a shape that is no array of at most 8 numbers");
    }
    for (const auto& extent : shape) {
      if (!is_count(extent)) throw refuse(name, "has an extent that is no whole number");
      info.shape.push_back(extent.get<std::int64_t>());
    }

    const auto& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) ||
        !is_count(offsets[1])) {
      throw refuse(name, "has data_offsets that are no pair of whole numbers");
    }
    info.begin = offsets[0].get<std::uint64_t>();
    info.end = offsets[1].get<std::uint64_t>();
    std::uint64_t bytes = 0;
    if (!tensor_bytes(info.type, info.shape, bytes)) {
      throw refuse(name, "has a shape of no possible size");
    }
    if (info.end < info.begin || info.end - info.begin != bytes) {
      throw refuse(name, "spans bytes " + std::to_string(info.begin) + " to " +
                             std::to_string(info.end) + " of the data, but " +
                             describe(info.type, info.shape) + " takes " + std::to_string(bytes));
    }
    return info;
  }

  [[nodiscard]] dtype type(const std::string& name, const nlohmann::json& entry) const {
    if (!entry.is_string()) throw refuse(name, "has a dtype that is no string");
    const auto& text = entry.get_ref<const std::string&>();
    for (std::size_t i = 0; i < dtype_table.size(); ++i) {
      if (dtype_table[i].name == text) return static_cast<dtype>(i);
    }
    throw refuse(name, "has the unknown dtype " + shown(text));
  }

  /// Sorts the tensors by their bytes, which must fill the data without holes or overlaps.
  void check_layout(safetensors_header& header) const {
    std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t expected = 0;
    for (const tensor_info& info : header.tensors) {
      if (info.begin != expected) {
        throw refuse(info.name, "begins at byte " + std::to_string(info.begin) +
                                    " of the data where byte " + std::to_string(expected) +
                                    " comes next");
      }
      expected = info.end;
    }
    if (const std::uint64_t size = file_size_ - header.data_offset; size != expected) {
      throw refuse("the tensors take " + std::to_string(expected) + " bytes, but " +
                   std::to_string(size) + " bytes of data follow the header at byte " +
                   std::to_string(header.data_offset));
    }
  }

  std::string file_;
  std::uint64_t file_size_;
};

}  // namespace detail

TRIPTYCH_INLINE safetensors_header read_safetensors_header(const input_file& file) {
  const detail::header_reader reader(file.path.string(), file.size);
  const auto prefix =
      read_bytes(file, static_cast<std::size_t>(std::min<std::uint64_t>(8, file.size)));
  const std::uint64_t length = reader.length(prefix.bytes());
  return reader.parse(read_bytes(file, static_cast<std::size_t>(length)).text());
}

TRIPTYCH_INLINE safetensors_header read_safetensors_header(const fs::path& path) {
  return read_safetensors_header(open_input(path));
}

TRIPTYCH_INLINE safetensors_file safetensors_file::open(const fs::path& path) {
  const input_file file = open_input(path);
  safetensors_header header = read_safetensors_header(file);  // first: nothing big is read unproven
  const std::size_t size = file.size - header.data_offset;
  file_bytes data = read_bytes(file, size);
  return {std::move(header), std::move(data), 0};
}

TRIPTYCH_INLINE safetensors_file safetensors_file::parse(const std::string& name,
                                                         file_bytes bytes) {
  const detail::header_reader reader(name, bytes.size);
  const std::size_t length = reader.length(bytes.bytes());
  safetensors_header header = reader.parse(bytes.text().substr(8, length));
  return {std::move(header), std::move(bytes), 8 + length};
}

TRIPTYCH_INLINE std::vector<std::string> safetensors_file::names() const {
  std::vector<std::string> all;
  for (const tensor_info& tensor : header_.tensors) all.push_back(tensor.name);
  return all;
}

TRIPTYCH_INLINE std::span<const std::byte> safetensors_file::bytes(std::string_view name) const {
  const tensor_info& tensor = info(name);
  return data_.bytes().subspan(data_begin_ + tensor.begin, tensor.end - tensor.begin);
}

}  // namespace triptych::io
