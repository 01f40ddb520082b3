// triptych/io/safetensors.hpp
//
// The safetensors format: eight bytes of header length (little-endian), a JSON header, and the
// tensors' bytes. The reader refuses whatever the format forbids (holes, overlaps, trailing bytes,
// duplicate keys, sizes that do not fit their shape) before a byte of data is looked at; the writer
// produces what the reference implementation would: tensors by descending dtype, then by name, the
// header padded so that each tensor is aligned. Format: huggingface/safetensors, README.
// Cost: reading and writing each touch the data once.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::io {

static_assert(std::endian::native == std::endian::little, "triptych needs a little-endian machine");

/// Element types, in the format's own order (lowest alignment first).
enum class dtype : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64
};

namespace detail {

struct dtype_row {
  std::string_view name;
  unsigned bits;
};

inline constexpr std::array<dtype_row, 22> dtype_table{{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

}  // namespace detail

inline std::string_view name_of(dtype type) {
  return detail::dtype_table[static_cast<std::size_t>(type)].name;
}

inline unsigned bits_of(dtype type) {
  return detail::dtype_table[static_cast<std::size_t>(type)].bits;
}

/// The dtype that stores a C++ number.
template <class Number>
constexpr dtype dtype_of() {
  if constexpr (std::is_same_v<Number, float>)
    return dtype::f32;
  else if constexpr (std::is_same_v<Number, double>)
    return dtype::f64;
  else if constexpr (std::is_same_v<Number, std::int32_t>)
    return dtype::i32;
  else if constexpr (std::is_same_v<Number, std::int64_t>)
    return dtype::i64;
  else if constexpr (std::is_same_v<Number, std::uint64_t>)
    return dtype::u64;
  else {
    static_assert(std::is_same_v<Number, std::uint8_t>, "no safetensors dtype is used for this");
    return dtype::u8;
  }
}

using tensor_shape = std::vector<std::int64_t>;
using metadata_map = std::map<std::string, std::string>;

inline constexpr std::uint64_t longest_header = 100'000'000;  ///< bytes; the format's own limit
inline constexpr std::size_t most_tensors = 100'000;
inline constexpr std::size_t most_dimensions = 8;

/// "F32 [16,3,3,3]", for messages.
inline std::string describe(dtype type, const tensor_shape& shape) {
  std::string text = std::string(name_of(type)) + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  }
  return text + "]";
}

namespace detail {

/// Bytes of a tensor; nothing if a product overflows or the bits do not fill whole bytes. `[]` is a
/// scalar.
inline bool tensor_bytes(dtype type, const tensor_shape& shape, std::uint64_t& bytes) {
  std::uint64_t bits = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bits, static_cast<std::uint64_t>(extent), &bits)) {
      return false;
    }
  }
  if (__builtin_mul_overflow(bits, std::uint64_t{bits_of(type)}, &bits)) return false;
  bytes = bits / 8;
  return bits % 8 == 0;
}

}  // namespace detail

// ---------------------------------------------------------------------------------------- reading

/// One tensor of a file; its bytes are [begin, end) of the data that follow the header.
struct tensor_info {
  std::string name;
  dtype type = dtype::f32;
  tensor_shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// How many numbers a tensor has; from its bytes, for a product of extents may overflow on the way to 0.
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

  [[nodiscard]] const tensor_info* find(std::string_view name) const {
    const auto found = index.find(std::string(name));
    return found == index.end() ? nullptr : &tensors[found->second];
  }

  /// Like `find`, but a missing tensor throws error::checkpoint.
  [[nodiscard]] const tensor_info& at(std::string_view name) const {
    if (const tensor_info* info = find(name)) return *info;
    throw error::checkpoint(file + ": the tensor " + shown(name) +
                            " is missing; give a file that was written for this purpose");
  }
};

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

/// Reads and checks a file's header alone. Throws error::checkpoint (not a sound safetensors file)
/// and error::io (cannot be read).
inline safetensors_header read_safetensors_header(const input_file& file) {
  const detail::header_reader reader(file.path.string(), file.size);
  const auto prefix =
      read_bytes(file, static_cast<std::size_t>(std::min<std::uint64_t>(8, file.size)));
  const std::uint64_t length = reader.length(prefix.bytes());
  return reader.parse(read_bytes(file, static_cast<std::size_t>(length)).text());
}

inline safetensors_header read_safetensors_header(const fs::path& path) {
  return read_safetensors_header(open_input(path));
}

/// A whole file in memory, checked.
class safetensors_file {
 public:
  /// Reads `path`. Throws error::checkpoint (not a sound safetensors file) and error::io.
  static safetensors_file open(const fs::path& path) {
    const input_file file = open_input(path);
    safetensors_header header =
        read_safetensors_header(file);  // first: nothing big is read unproven
    const auto size = static_cast<std::size_t>(file.size - header.data_offset);
    file_bytes data = read_bytes(file, size);
    return {std::move(header), std::move(data), 0};
  }

  /// Takes a file's bytes; `name` is for messages. Throws error::checkpoint.
  static safetensors_file parse(const std::string& name, file_bytes bytes) {
    const detail::header_reader reader(name, bytes.size);
    const auto length = static_cast<std::size_t>(reader.length(bytes.bytes()));
    safetensors_header header = reader.parse(bytes.text().substr(8, length));
    return {std::move(header), std::move(bytes), 8 + length};
  }

  [[nodiscard]] const safetensors_header& header() const noexcept { return header_; }
  [[nodiscard]] const metadata_map& metadata() const noexcept { return header_.metadata; }
  [[nodiscard]] bool contains(std::string_view name) const { return header_.find(name) != nullptr; }

  /// A missing tensor throws error::checkpoint.
  [[nodiscard]] const tensor_info& info(std::string_view name) const { return header_.at(name); }

  /// The names, in the order of their bytes.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const tensor_info& tensor : header_.tensors) all.push_back(tensor.name);
    return all;
  }

  /// A tensor's bytes, row-major and little-endian; not necessarily aligned.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const {
    const tensor_info& tensor = info(name);
    return data_.bytes().subspan(data_begin_ + static_cast<std::size_t>(tensor.begin),
                                 static_cast<std::size_t>(tensor.end - tensor.begin));
  }

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

/// Throws error::checkpoint unless `file` holds exactly the `expected` tensors.
template <class Expected>
void require_tensors(const Expected& expected, const safetensors_header& header) {
  if (const std::string text = difference(expected, header); !text.empty()) {
    throw error::checkpoint(header.file + " was made by another architecture: " + text +
                            "; use the options that it was trained with");
  }
}

// ---------------------------------------------------------------------------------------- writing

/// A tensor to write; `bytes` are its elements in row-major order, and must outlive the call.
struct tensor_source {
  std::string name;
  dtype type = dtype::f32;
  tensor_shape shape;
  std::span<const std::byte> bytes;
};

/// A tensor to write, from its elements.
template <class Number>
tensor_source tensor_of(std::string name, tensor_shape shape, std::span<const Number> elements) {
  return {std::move(name), dtype_of<Number>(), std::move(shape), std::as_bytes(elements)};
}

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

/// Writes a safetensors file to an open descriptor and returns its size and checksum; `path` is for
/// messages. Throws error::io.
inline digest write_safetensors(const descriptor& fd, const fs::path& path,
                                std::vector<tensor_source> tensors,
                                const metadata_map& metadata = {}) {
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

/// Writes or replaces `path` in one step: there is the whole new file or what was there before.
inline digest save_safetensors(const fs::path& path, const std::vector<tensor_source>& tensors,
                               const metadata_map& metadata = {}) {
  digest written;
  replace_file_with(path, [&](const descriptor& fd, const fs::path& name) {
    written = write_safetensors(fd, name, tensors, metadata);
  });
  return written;
}

}  // namespace triptych::io
