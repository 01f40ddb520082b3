// triptych/io/safetensors_format.hpp
//
// What reading and writing of safetensors files (safetensors.hpp) share: the types and shapes of
// tensors, and the format's limits.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <triptych/config.hpp>

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
std::string describe(dtype type, const tensor_shape& shape);

namespace detail {

/// Bytes of a tensor; nothing if a product overflows or the bits do not fill whole bytes. `[]` is a
/// scalar.
bool tensor_bytes(dtype type, const tensor_shape& shape, std::uint64_t& bytes);

}  // namespace detail

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/safetensors_format_inl.hpp>
#endif
