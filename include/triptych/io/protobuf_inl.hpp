// triptych/io/protobuf_inl.hpp
//
// The bodies of protobuf.hpp.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/io/protobuf.hpp>

namespace triptych::io {

namespace detail {

/// What follows a field's number.
inline constexpr std::uint32_t protobuf_varint = 0, protobuf_64_bits = 1, protobuf_bytes = 2,
                               protobuf_32_bits = 5;

}  // namespace detail

TRIPTYCH_INLINE void protobuf_message::varint(std::uint64_t value) {
  constexpr std::uint64_t more = 0x80;  // seven bits a byte, the lowest first
  while (value >= more) {
    text_ += static_cast<char>((value & (more - 1)) | more);
    value >>= 7;
  }
  text_ += static_cast<char>(value);
}

TRIPTYCH_INLINE void protobuf_message::key(std::uint32_t field, std::uint32_t kind) {
  varint(std::uint64_t{field} << 3 | kind);
}

TRIPTYCH_INLINE protobuf_message& protobuf_message::integer(std::uint32_t field,
                                                            std::int64_t value) {
  key(field, detail::protobuf_varint);
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

TRIPTYCH_INLINE protobuf_message& protobuf_message::float32(std::uint32_t field, float value) {
  key(field, detail::protobuf_32_bits);
  append_little_endian(text_, std::bit_cast<std::uint32_t>(value), 4);
  return *this;
}

TRIPTYCH_INLINE protobuf_message& protobuf_message::float64(std::uint32_t field, double value) {
  key(field, detail::protobuf_64_bits);
  append_little_endian(text_, std::bit_cast<std::uint64_t>(value), 8);
  return *this;
}

TRIPTYCH_INLINE protobuf_message& protobuf_message::bytes(std::uint32_t field,
                                                          std::string_view value) {
  key(field, detail::protobuf_bytes);
  varint(value.size());
  text_ += value;
  return *this;
}

TRIPTYCH_INLINE protobuf_message& protobuf_message::message(std::uint32_t field,
                                                            const protobuf_message& inner) {
  return bytes(field, inner.text_);
}

}  // namespace triptych::io
