// triptych/io/safetensors_format_inl.hpp
//
// The bodies of safetensors_format.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <triptych/config.hpp>
#include <triptych/io/safetensors_format.hpp>

namespace triptych::io {

TRIPTYCH_INLINE std::string describe(dtype type, const tensor_shape& shape) {
  std::string text = std::string(name_of(type)) + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  }
  return text + "]";
}

namespace detail {

TRIPTYCH_INLINE bool tensor_bytes(dtype type, const tensor_shape& shape, std::uint64_t& bytes) {
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

}  // namespace triptych::io
