// triptych/io/safetensors_writing_inl.hpp
//
// The bodies of safetensors_writing.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors_format.hpp>
#include <triptych/io/safetensors_writing.hpp>

namespace triptych::io {

namespace detail {

/// The file's first bytes: length and padded JSON. Sorts `tensors` into the order of their bytes.
/// What the format cannot hold throws error::runtime.
inline std::string make_header(std::vector<tensor_source>& tensors, const metadata_map& metadata) {
  const auto refuse = [](const std::string& what) {
    return error::runtime("cannot write a safetensors file: " + what + "; please report this");
  };
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return a.type != b.type ? a.type > b.type : a.name < b.name;
  });
  if (tensors.size() > most_tensors) throw refuse("there are more than 100,000 tensors");

  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      json += (json.back() == '{' ? "" : ",") + json_string(key) + ":" + json_string(value);
    }
    json += "}";
  }
  std::uint64_t begin = 0;
  std::unordered_set<std::string_view> names{"__metadata__"};
  for (const tensor_source& tensor : tensors) {
    std::uint64_t bytes = 0;
    if (!is_utf8(tensor.name) || !names.insert(tensor.name).second) {
      throw refuse("the name " + shown(tensor.name) + " is taken or not UTF-8");
    }
    if (tensor.shape.size() > most_dimensions || !tensor_bytes(tensor.type, tensor.shape, bytes) ||
        bytes != tensor.bytes.size()) {
      throw refuse("the tensor " + shown(tensor.name) + " of " +
                   std::to_string(tensor.bytes.size()) + " bytes is no " +
                   describe(tensor.type, tensor.shape));
    }
    json += (json.size() == 1 ? "" : ",") + json_string(tensor.name) + ":{\"dtype\":\"" +
            std::string(name_of(tensor.type)) + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      json += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    }
    json +=
        "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(begin + bytes) + "]}";
    begin += bytes;
  }
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  if (json.size() > longest_header) throw refuse("the header exceeds 100,000,000 bytes");

  const std::uint64_t length = json.size();
  std::string header(sizeof length, '\0');
  std::memcpy(header.data(), &length, sizeof length);
  return header + json;
}

}  // namespace detail

TRIPTYCH_INLINE digest write_safetensors(const descriptor& fd, const fs::path& path,
                                         std::vector<tensor_source> tensors,
                                         const metadata_map& metadata) {
  hasher hash;
  const auto emit = [&](std::span<const std::byte> bytes) {
    constexpr std::size_t piece = std::size_t{1} << 20;  // hash what is still in the cache
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto part = bytes.subspan(at, std::min(piece, bytes.size() - at));
      hash.add(part);
      write_all(fd, part, path);
    }
  };
  const std::string header = detail::make_header(tensors, metadata);
  emit(std::as_bytes(std::span(header)));
  for (const tensor_source& tensor : tensors) emit(tensor.bytes);
  return hash.result();
}

TRIPTYCH_INLINE digest save_safetensors(const fs::path& path,
                                        const std::vector<tensor_source>& tensors,
                                        const metadata_map& metadata) {
  digest written;
  replace_file_with(path, [&](const descriptor& fd, const fs::path& name) {
    written = write_safetensors(fd, name, tensors, metadata);
  });
  return written;
}

}  // namespace triptych::io
