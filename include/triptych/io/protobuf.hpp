// triptych/io/protobuf.hpp
//
// Writes messages of Protocol Buffers, the format of ONNX files and of TensorBoard's events. A
// message is a row of fields; a field is its number and kind, then a number or so many bytes.
//
// Source: "Protocol Buffers: Encoding" (protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych::io {

/// Appends the lowest `size` bytes of a number, the lowest first.
inline void append_little_endian(std::string& to, std::uint64_t bits, int size) {
  for (int i = 0; i < size; ++i) to += static_cast<char>((bits >> (8 * i)) & 0xFF);
}

/// A message that is being made; a field is appended by the function that is named as its type.
class protobuf_message {
 public:
  /// int32, int64, uint32, uint64, bool, an enumeration.
  protobuf_message& integer(std::uint32_t field, std::int64_t value);
  protobuf_message& float32(std::uint32_t field, float value);
  protobuf_message& float64(std::uint32_t field, double value);
  /// A string, which must be UTF-8, or bytes.
  protobuf_message& bytes(std::uint32_t field, std::string_view value);
  protobuf_message& message(std::uint32_t field, const protobuf_message& inner);

  /// The message as it stands in a file.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void varint(std::uint64_t value);
  void key(std::uint32_t field, std::uint32_t kind);

  std::string text_;
};

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/protobuf_inl.hpp>
#endif
